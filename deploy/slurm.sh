#!/bin/bash
# A training of several processes as a job of SLURM, which is put back into the queue until it is done:
#
#   sbatch --nodes=2 --ntasks-per-node=4 --cpus-per-task=8 --time=04:00:00 deploy/slurm.sh /data/pets --arch resnet50 --epochs 40
#
# The images and the folder of runs (--runs) must lie where all nodes see them. Two minutes before the time is up SLURM sends
# SIGUSR1 to this script, which passes it on: all processes agree on a last step, rank 0 writes a checkpoint, and the job begins
# anew under its own number, where the same command goes on with the run. A training that fails is not begun again.
#SBATCH --job-name=margay
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
is_time_up=no
trap 'is_time_up=yes; kill -USR1 "$step" 2>/dev/null' USR1

srun margay train "$@" &
step=$!
wait "$step"
status=$?
while kill -0 "$step" 2>/dev/null; do  # the signal has ended the waiting, not the training
  wait "$step"
  status=$?
done

if [ "$is_time_up" = yes ] && [ "$status" -eq 0 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$status"
