#!/usr/bin/env bash
# A real Slurm on this machine, for tests: cluster.sh FOLDER PORT... (eight). It says `ready` and ends when its standard
# input does. Five nodes on loopback: n1 and n2 in the partition main, d1 and d2 in the partition shaky, which a test puts down, and p1 in
# the partitions patient and urgent: a job of the second takes the node from one of the first. Where slurmdbd and MariaDB are
# installed (apt-get install slurmdbd mariadb-server), accounts are kept, and Slurm forgets jobs soon.
# Debian: apt-get install slurm-wlm munge. No root is needed, and nothing outside the folder is touched.
set -eu
export PATH=$PATH:/usr/sbin:/sbin
dir=$1 host=$(hostname -s) user=$(id -un)
mkdir -p "$dir"/{state,log,spool-n1,spool-n2,spool-d1,spool-d2,spool-p1,munge}
chmod 700 "$dir/munge"
head -c 128 /dev/urandom >"$dir/munge/key"
chmod 600 "$dir/munge/key"
accounts=
if command -v slurmdbd mariadbd mariadb-install-db >/dev/null; then
  accounts="MinJobAge=15
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$8
AccountingStoragePass=$dir/munge/socket"
  cat >"$dir/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
DbdHost=$host
DbdAddr=127.0.0.1
DbdPort=$8
SlurmUser=$user
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$9
StorageUser=$user
StoragePass=none
LogFile=$dir/log/dbd.log
PidFile=$dir/dbd.pid
CONF
  chmod 600 "$dir/slurmdbd.conf"
fi
node() { echo "NodeName=$1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$2 CPUs=8 RealMemory=4000 State=UNKNOWN"; }
cat >"$dir/slurm.conf" <<CONF
ClusterName=aees
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$2
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldLogFile=$dir/log/ctld.log
SlurmdLogFile=$dir/log/%n.log
SlurmctldPidFile=$dir/ctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
MessageTimeout=5
ReturnToService=1
MaxArraySize=5
JobRequeue=1
KillWait=10
$accounts
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
$(node n1 "$3")
$(node n2 "$4")
$(node d1 "$5")
$(node d2 "$6")
$(node p1 "$7")
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PreemptMode=OFF
PartitionName=shaky Nodes=d1,d2 MaxTime=INFINITE State=UP PreemptMode=OFF
PartitionName=patient Nodes=p1 MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=p1 MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
export SLURM_CONF=$dir/slurm.conf
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait' EXIT
start() { "$@" >>"$dir/log/start.log" 2>&1 </dev/null & pids+=($!); }
start munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
  --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
for _ in $(seq 100); do [ -S "$dir/munge/socket" ] && break; sleep 0.1; done
if [ -n "$accounts" ]; then
  mariadb-install-db --no-defaults --datadir="$dir/db" --user="$user" --skip-test-db >>"$dir/log/start.log" 2>&1
  start mariadbd --no-defaults --datadir="$dir/db" --user="$user" --skip-grant-tables --bind-address=127.0.0.1 --port="$9" \
    --socket="$dir/db.sock" --pid-file="$dir/db.pid"
  for _ in $(seq 100); do [ -S "$dir/db.sock" ] && break; sleep 0.1; done
  start slurmdbd -D
  for _ in $(seq 100); do sacctmgr -i add cluster aees >>"$dir/log/start.log" 2>&1 && break; sleep 0.2; done
fi
start slurmctld -D
for node in n1 n2 d1 d2 p1; do start slurmd -D -N "$node"; done
for _ in $(seq 300); do
  if [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l)" = 5 ]; then echo ready; break; fi
  sleep 0.1
done
cat >/dev/null
scancel --user "$user" 2>/dev/null || true
sleep 0.3
