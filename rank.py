"""Ranks the photos of folders: the command `series-rank`, in a checkout.

python rank.py my_photos --html=ranked.html
"""

from keras_series import commands

if __name__ == "__main__":
    commands.rank()
