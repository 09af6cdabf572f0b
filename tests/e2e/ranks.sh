# Sourced by the end-to-end tests of several processes, behind support.sh.
unset RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT GLOO_SOCKET_IFNAME
RANDOM=${MARGAY_TEST_SEED:-$RANDOM}

free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
  done
}

# begin_rank RANK ARGUMENT...: in the background, as one of $world at $port; its output is in out.RANK, its errors in err.RANK.
declare -a process
world=2
begin_rank() {
  local rank="$1"
  shift
  "$margay" "$@" --threads 1 --rank "$rank" --world "$world" --master "127.0.0.1:$port" >"out.$rank" 2>"err.$rank" &
  process[rank]=$!
}
# begin_all ARGUMENT...: every rank of $world, at a port of their own.
begin_all() {
  local rank
  port="$(free_port)"
  for ((rank = 0; rank < world; ++rank)); do begin_rank "$rank" "$@"; done
}
show_ranks() {
  local rank
  for ((rank = 0; rank < world; ++rank)); do tail -n 20 "out.$rank" "err.$rank"; done
}
# end_rank RANK STATUS: waits for it.
end_rank() {
  local got=0
  wait "${process[$1]}" || got=$?
  [ "$got" -eq "$2" ] || { show_ranks; fail "rank $1 ended with $got instead of $2"; }
}
# end_all STATUS: every rank.
end_all() {
  local rank
  for ((rank = 0; rank < world; ++rank)); do end_rank "$rank" "$1"; done
}
# await_checkpoint NAME: until the run has begun to train.
await_checkpoint() {
  for _ in $(seq 600); do
    compgen -G "runs/*-$1/checkpoints/step-*" >/dev/null && return
    sleep 0.1
  done
  show_ranks
  fail "no checkpoint of $1"
}
now_ms() { date +%s%3N; }

small=(train images --arch resnet20 --resize 40 --size 32 --batch-size 8 --pin-threads no)
long=("${small[@]}" --epochs 200 --checkpoint-minutes 0.02)
