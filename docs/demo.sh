#!/usr/bin/env bash
# The whole way once: build and verify four pairs, train a critic on two, submit its gradients, read the leaderboard.
# Serves until Ctrl-C; with CI=true it stops by itself.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
export W1BENCH_ARCHIVE=archive W1BENCH_DATA=demo/data
ci=$([ "${CI:-}" = true ] && echo yes || echo no)
# Each step is waited for rather than run in the foreground, so that a signal ends it at once, and with it all that was started.
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@" & wait $!; }
trap 'trap - INT TERM; kill $(jobs -p) 2> /dev/null || true; wait' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p demo
[ ! -e build/docs/index.html ] || export W1BENCH_DOCS=build/docs
for pair in hd-d2-n4-p8 hd-d16-n64-p8 photos32-n16-p100 ball-d2-p8; do
  [ -e "archive/$pair" ] || say w1bench build "$pair" --resume
  say w1bench verify "archive/$pair"
done
say w1bench list

# A free port in CI; else the one that `w1bench submit` and `w1bench leaderboard` expect.
w1bench serve --port "${PORT:-$([ $ci = yes ] && echo 0 || echo 8100)}" > demo/serve.log 2>&1 &
server=$!
for _ in $(seq 300); do
  url=$(sed -n 's/^w1bench serving \(http[^ ]*\)$/\1/p' demo/serve.log)
  [ -n "$url" ] && break
  kill -0 "$server" 2> /dev/null || { cat demo/serve.log; exit 1; }
  sleep 0.1
done
[ -n "$url" ] || { echo "The service did not start within 30 s; see demo/serve.log."; exit 1; }
export W1BENCH_SERVER=$url
W1BENCH_TOKEN=$(w1bench token create --user demo --days 1)
export W1BENCH_TOKEN

for pair in hd-d2-n4-p8 hd-d16-n64-p8; do
  say w1bench solve lp "archive/$pair" --steps 1500 --out "demo/$pair-lp.h5"
  say w1bench submit "$pair" "demo/$pair-lp.h5" --method "LP again"
done
say w1bench leaderboard
printf '\nThe leaderboard as a page: %s\n' "$url"
[ $ci = yes ] || { echo "Serving until Ctrl-C."; wait "$server"; }
