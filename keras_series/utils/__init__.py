"""What every package may use: argument checks, whole files, figures."""
