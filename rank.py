"""Ranks the photos of a folder: the command `series-rank`, in a checkout.

python rank.py --photos=my_photos --html=ranked.html
"""

from keras_series import commands

if __name__ == "__main__":
    commands.rank()
