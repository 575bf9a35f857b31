"""The files of the review page: its template, style and script."""
