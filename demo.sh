#!/usr/bin/env bash
# Ranks photos with the trained network, trains it further, and ranks again. Prints each command and
# the seconds it took. `make demo` calls this script.
#   DEMO    folder for all results. Defaults to demo.
#   PHOTOS  folder of your own photos to rank. Defaults to drawn photos that are not trained on.
set -euo pipefail

PYTHON=${PYTHON:-python}
DEMO=${DEMO:-demo}
PHOTOS=${PHOTOS:-}
# Drawn photos have no capture time, and each folder is a series.
BY_FOLDER=$([[ -n $PHOTOS ]] || echo --by_folder)

step() {
  local start=$SECONDS
  printf '\n\033[1m$ %s\033[0m\n' "${*/#$PYTHON/python}"
  "$@"
  printf '(%d s)\n' $((SECONDS - start))
}

mkdir -p "$DEMO"
step "$PYTHON" prepare.py --dataset=synthetic_series/few_scenes --data_dir="$DEMO/datasets" \
  --sheet="$DEMO/series.png" --photos="$DEMO/photos"
step "$PYTHON" rank.py "${PHOTOS:-$DEMO/photos}" $BY_FOLDER --html="$DEMO/ranked.html"
step "$PYTHON" train.py --flagfile=configs/demo.flags --data_dir="$DEMO/datasets" --workdir="$DEMO/run"
step "$PYTHON" evaluate.py --dataset=synthetic_series/few_scenes --data_dir="$DEMO/datasets" --workdir="$DEMO/run"
step "$PYTHON" export.py --workdir="$DEMO/run" --base="$DEMO/exported"
MODEL=$DEMO/exported/$(ls "$DEMO/exported" | sort -n | tail -n 1)
step "$PYTHON" rank.py --model="$MODEL" "${PHOTOS:-$DEMO/photos}" $BY_FOLDER \
  --html="$DEMO/ranked_again.html"

cat <<END

The results are in $DEMO/ (it took $SECONDS s)
  ranked.html              the photos, ranked by the trained network that comes with the package
  series.png               series of the dataset that it was trained further on
  run/curves.png           loss and accuracy during training
  run/evaluation.json      evaluation on series that were not trained on, beside the start
  exported/                the SavedModel, for TensorFlow Serving and other pipelines
  ranked_again.html        the photos, ranked by the network that was trained further

Next
  Rank your own photos:           make demo PHOTOS=/path/to/photos
  Train on your own photos:       see docs/training.md
  Serve or call the model:        see serving/README.md and docs/pipelines.md
  Train the paper's network:      python train.py --flagfile=configs/photo_triage.flags --help
END
