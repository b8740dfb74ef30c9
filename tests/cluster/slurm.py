"""A SLURM cluster on this host: real daemons of Debian's packages, nodes and GPUs that are pretended.

Needs root, and a host without a cluster of its own: SLURM's steps look for their configuration in /etc/slurm alone, so
that the files there are links into the cluster's folder while it runs. All else is in that folder.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

PACKAGES = ("slurm-wlm", "munge", "slurmdbd", "mariadb-server")
ETC = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf", "cgroup.conf", "slurmdbd.conf")
USER = "advspectra"  # of the database

# No cgroups are needed: processes are found, and their memory is measured, in /proc.
CONFIGURATION = """\
ClusterName=advspectra
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[slurmctld]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
MinJobAge=300
KillWait=3
SlurmdTimeout=20
SchedulerParameters=batch_sched_delay=0,bf_interval=5
AccountingStorageType=accounting_storage/{storage}
PartitionName=cpu Nodes={nodes} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={last} MaxTime=INFINITE State=UP
"""
NODE = "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory}{gres}\n"
ACCOUNTING = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdPort={ports[slurmdbd]}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[mariadbd]}
StorageUser={user}
StoragePass={password}
StorageLoc=accounting
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
"""


def unavailable() -> str | None:
    """Return why no cluster can be started here; None if one can."""
    if os.geteuid() != 0:
        return "starting SLURM needs root"
    if shutil.which("apt-get") is None:
        return "SLURM is installed from Debian's packages"
    if any((ETC / file).exists() for file in FILES):
        return f"{ETC} configures a cluster already"
    return None


def install() -> None:
    """Install the packages that are missing, without starting what they bring."""
    if all(shutil.which(command) for command in ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd")):
        return
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    subprocess.run(["apt-get", "install", "-yqq", "--no-install-recommends", *PACKAGES], env=environment, **quiet)


class Cluster:
    """Two or more nodes, the last with GPUs; a context manager that starts and stops its own processes only."""

    def __init__(
        self, folder: Path, *, accounting: bool, nodes: int = 2, cpus: int = 1, memory: int = 16000, gpus: int = 2
    ):
        """folder : for all of its state. cpus, memory (MB) : of each node."""
        self.folder = folder
        self.accounting = accounting
        # no other cluster's names: what runs on a node is found by its name
        self.nodes = [f"{secrets.token_hex(3)}-n{number}" for number in range(1, nodes + 1)]
        self.cpus, self.memory, self.gpus = cpus, memory, gpus
        self._daemons: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Cluster":
        self.folder.mkdir(parents=True)
        try:
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for node in self.nodes:
            if node in self._daemons:
                self.kill_node(node)
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
            daemon.wait(60)
        for file in FILES:
            (ETC / file).unlink(missing_ok=True)

    def command(self, *arguments: str) -> str:
        """Return what a command of SLURM prints."""
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout

    def running(self) -> list[str]:
        """Return the numbers of the running jobs."""
        return self.command("squeue", "--noheader", "--states=running", "--format=%i").split()

    def submitted(self) -> int:
        """Return how many jobs have been submitted so far: the number of the last of them."""
        lines = self.command("scontrol", "show", "config").splitlines()
        return int(next(line for line in lines if line.startswith("NEXT_JOB_ID")).split("=")[1]) - 1

    def job(self, number: str | int) -> dict[str, str]:
        """Return what SLURM says of a job, by its names; minutes after its end it has forgotten it."""
        words = self.command("scontrol", "show", "job", str(number)).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def cancel_all(self) -> None:
        """Cancel all jobs and wait until they are gone."""
        subprocess.run(["scancel", "--user=root"], check=False)
        _wait_for(lambda: not self.command("squeue", "--noheader", "--format=%i").split(), seconds=60)

    def kill_node(self, node: str) -> None:
        """Let a node die: its daemon and whatever runs on it."""
        daemon = self._daemons.pop(node)
        daemon.kill()
        daemon.wait()
        self._kill_jobs(node)

    def start_node(self, node: str) -> None:
        (self.folder / f"spool.{node}").mkdir(exist_ok=True)
        self._run(node, "slurmd", "-D", "-N", node)
        # its share of this host's processors, also that of its jobs, which look how many they may use
        first = self.nodes.index(node) * self.cpus
        share = {number % os.cpu_count() for number in range(first, first + self.cpus)}
        os.sched_setaffinity(self._daemons[node].pid, share)

    def wait_for_nodes(self) -> None:
        """Wait until all nodes take jobs."""
        wanted = ["idle"] * len(self.nodes)
        _wait_for(lambda: self.command("sinfo", "-h", "-N", "-p", "cpu", "-o", "%t").split() == wanted, seconds=60)

    def _configure(self) -> None:
        ports = {name: _free_port() for name in ("slurmctld", "slurmdbd", "mariadbd", *self.nodes)}
        host = socket.gethostname().partition(".")[0]
        self._password = secrets.token_hex()
        self._ports = ports
        facts = {"folder": self.folder, "ports": ports, "host": host, "user": USER, "password": self._password}
        text = CONFIGURATION.format(
            nodes=",".join(self.nodes),
            last=self.nodes[-1],
            storage="slurmdbd" if self.accounting else "none",
            **facts,
        )
        if self.accounting:
            text += f"AccountingStorageHost=localhost\nAccountingStoragePort={ports['slurmdbd']}\n"
            # this, for munge, is its socket
            text += f"AccountingStoragePass={self.folder}/munge.socket\n"
        lines = []
        for node in self.nodes:
            gres = f" Gres=gpu:{self.gpus}" if node == self.nodes[-1] and self.gpus else ""
            lines.append(
                NODE.format(node=node, host=host, port=ports[node], cpus=self.cpus, memory=self.memory, gres=gres)
            )
        # any device files serve; their names must end in a number
        devices = [self.folder / f"gpu{number}" for number in range(self.gpus)]
        for device in devices:
            os.mknod(device, 0o600 | 0o020000, os.makedev(1, 3))
        files = dict.fromkeys(FILES, "")
        files["slurm.conf"] = text + "".join(lines)
        files["gres.conf"] = "".join(f"NodeName={self.nodes[-1]} Name=gpu File={device}\n" for device in devices)
        files["cgroup.conf"] = "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n"
        files["slurmdbd.conf"] = ACCOUNTING.format(**facts)
        ETC.mkdir(exist_ok=True)
        for name, content in files.items():
            path = self.folder / name
            path.write_text(content)
            path.chmod(0o600 if name == "slurmdbd.conf" else 0o644)
            (ETC / name).symlink_to(path)

    def _start(self) -> None:
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge.key").chmod(0o400)
        places = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={self.folder}/munge.{end}" for option, end in places.items()]
        self._run("munged", "munged", "--foreground", "--force", *options)
        _wait_for((self.folder / "munge.socket").exists, seconds=10)
        if self.accounting:
            self._start_accounting()
        (self.folder / "state").mkdir()
        self._run("slurmctld", "slurmctld", "-D")
        _wait_for(lambda: "is UP" in self.command("scontrol", "ping"), seconds=30)
        for node in self.nodes:
            self.start_node(node)
        self.wait_for_nodes()

    def _start_accounting(self) -> None:
        data, database = self.folder / "mariadb", self.folder / "mariadb.socket"
        made = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"]
        subprocess.run(made, check=True, capture_output=True)
        place = [f"--datadir={data}", f"--socket={database}", f"--port={self._ports['mariadbd']}"]
        limits = ["--bind-address=127.0.0.1", "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"]
        self._run("mariadbd", "mariadbd", "--no-defaults", "--user=root", *place, *limits)
        client = ["mariadb", "--no-defaults", f"--socket={database}", "--user=root", "--execute"]
        _wait_for(lambda: subprocess.run([*client, "select 1"], capture_output=True).returncode == 0, seconds=60)
        grant = f"grant all on accounting.* to '{USER}'@'localhost' identified by '{self._password}'"
        subprocess.run([*client, f"create database accounting; {grant}"], check=True)
        self._run("slurmdbd", "slurmdbd", "-D")
        _wait_for(lambda: self.command("sacctmgr", "--noheader", "list", "cluster") is not None, seconds=60)
        self.command("sacctmgr", "--immediate", "add", "cluster", "advspectra")
        for account in ("lab", "project"):  # the first is the user's default
            self.command("sacctmgr", "--immediate", "add", "account", account)
            self.command("sacctmgr", "--immediate", "add", "user", "root", f"account={account}")

    def _run(self, name: str, *command: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as output:
            # a session of its own, so that an interrupt of the tests does not reach it before it is stopped
            self._daemons[name] = subprocess.Popen(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def _kill_jobs(self, node: str) -> None:
        """Kill what SLURM started on a node, which says so in its environment, and the daemons of its steps."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SLURMD_NODENAME") == node:
                    parent = process.parent()
                    if parent is not None and parent.name() == "slurmstepd":
                        parent.kill()
                    process.kill()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(subprocess.CalledProcessError):
            if condition():
                return
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {seconds} s in vain")
        time.sleep(0.2)
