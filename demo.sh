#!/usr/bin/env bash
# The whole job on two cores, each command shown as it runs. `make demo` calls it.
#   DEMO    folder for everything it makes
#   PHOTOS  folder of your photographs to judge; without it, photos that were not trained on
set -euo pipefail

PYTHON=${PYTHON:-python}
DEMO=${DEMO:-demo}
PHOTOS=${PHOTOS:-}

step() {
  printf '\n\033[1m$ %s\033[0m\n' "${*/#$PYTHON/python}"
  "$@"
}

mkdir -p "$DEMO"
step "$PYTHON" prepare.py --dataset=synthetic_series/scenes --data_dir="$DEMO/datasets" \
  --sheet="$DEMO/series.png" --photos="$DEMO/photos"
step "$PYTHON" train.py --flagfile=configs/demo.flags --data_dir="$DEMO/datasets" --workdir="$DEMO/run"
step "$PYTHON" evaluate.py --dataset=synthetic_series/scenes --data_dir="$DEMO/datasets" --workdir="$DEMO/run"
step "$PYTHON" export.py --workdir="$DEMO/run" --base="$DEMO/exported"
MODEL=$DEMO/exported/$(ls "$DEMO/exported" | sort -n | tail -n 1)
step "$PYTHON" rank.py --model="$MODEL" --photos="${PHOTOS:-$DEMO/photos}" \
  --html="$DEMO/ranked.html"

cat <<END

Everything is in $DEMO/
  series.png               what it learned from
  run/curves.png           how it learned
  run/evaluation.json      how good it is
  exported/                the SavedModel, for TensorFlow Serving and other pipelines
  ranked.html              photos in the order that it gave them

Next
  Judge your own photos:     make demo PHOTOS=/path/to/photos
  Learn more, or your own:   see docs/training.md
  Serve it, or call it:      see serving/README.md and docs/pipelines.md
  The paper's network:       python train.py --flagfile=configs/photo_triage.flags --help
END
