#!/usr/bin/env bash
# The distributed form without containers: every service its own process against a given Kafka.
#   infra/launch.sh CONFIG [BASE_PORT]     CONFIG needs log.kind: kafka; service i listens on 127.0.0.1:BASE_PORT+i (default 8080)
# Prints "ready" when every service is, stops all of them when it is told to stop, and ends with an error when one of them ends.
set -euo pipefail
config=$(realpath "$1") base=${2:-8080}
cd "$(dirname "$0")/.."
services=(inference drift outlier adversarial extraction leakage quality explainer alerting replay console)
# One executable, which knows every kind of monitor: the false-alarm budget is split over the whole installation, whatever runs in this process.
assembly=services/AllInOne/bin/${MONITORING_BUILD:-Release}/net10.0/Monitoring.AllInOne.dll
work=$(mktemp -d)
pids=()
stop() { trap - EXIT; kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap stop EXIT
trap 'exit 130' INT TERM

for i in "${!services[@]}"; do
  service=${services[$i]} port=$((base + i))
  dotnet "$assembly" run --config "$config" --roles "$service" --listen "http://127.0.0.1:$port" > "$work/$service.log" 2>&1 &
  pids+=($!)
done

for i in "${!services[@]}"; do
  until curl -sf --max-time 5 "http://127.0.0.1:$((base + i))/health/ready" >/dev/null; do
    kill -0 "${pids[$i]}" 2>/dev/null || { echo "${services[$i]} ended:" >&2; tail -n 20 "$work/${services[$i]}.log" >&2; exit 1; }
    sleep 0.2
  done
done
echo ready
# Whatever it ends with, a service that ends by itself is a failure.
status=0
wait -n "${pids[@]}" || status=$?
echo "a service ended with exit code $status" >&2
tail -n 5 "$work"/*.log >&2
exit 1
