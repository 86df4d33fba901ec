#!/usr/bin/env bash
# Builds the wheel, installs it with locked dependencies into an empty environment, runs the demonstration from it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
pip=("$work/env/bin/pip" --quiet --disable-pip-version-check --no-input)
git archive HEAD | (mkdir "$work/source" && tar -x -C "$work/source")
"${pip[@]}" wheel --no-deps --wheel-dir "$work" "$work/source" >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
"${pip[@]}" install --require-hashes -r requirements/product.txt 2>"$work/install.log" || { cat "$work/install.log"; exit 1; }
"${pip[@]}" install --no-deps "$work"/counterseal-*.whl
cd "$work"
env -u PYTHONPATH "$work/env/bin/counterseal" demo --home "$work/demo" --listen 127.0.0.1:0 >"$work/demo.log" 2>&1 &
demo=$!
for _ in $(seq 100); do grep -q "Ctrl-C stops" "$work/demo.log" && break; sleep 0.2; done
grep -q "Ctrl-C stops" "$work/demo.log" || { cat "$work/demo.log"; kill "$demo"; exit 1; }
env -u PYTHONPATH "$work/env/bin/counterseal" status --home "$work/demo" >/dev/null
kill -INT "$demo"
wait "$demo"
echo "the wheel serves and stops cleanly"
