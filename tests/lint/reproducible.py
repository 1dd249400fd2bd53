"""Two builds in other circumstances give the same programs: sources and build in other folders, another umask, locale, time zone,
home, clock of the files, number of parallel jobs; by root also another user. No compiler cache, or the second would be the first."""

import filecmp
import os
import pwd
import shutil
import subprocess
import tempfile

BUILD_S = 900
OUTSIDE = shutil.ignore_patterns(".git", "build*", "__pycache__", ".pytest_cache")


def build(top, directory, env, user=None, umask=0o022, jobs=2):
    """The folder of the programs; AssertionError with the end of the log when it does not build."""
    for command in (["cmake", "-S", top, "-B", directory, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DPODATELNA_TESTS=OFF"],
                    ["cmake", "--build", directory, "-j", str(jobs)]):
        done = subprocess.run(command, env={"PATH": os.environ["PATH"], "CCACHE_DISABLE": "1", **env}, umask=umask, user=user, timeout=BUILD_S,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True, errors="replace")
        assert done.returncode == 0, done.stdout[-4000:]
    return os.path.join(directory, "bin")


def programs(directory):
    return sorted(n for n in os.listdir(directory) if os.access(os.path.join(directory, n), os.X_OK) and os.path.isfile(os.path.join(directory, n)))


def complaints(top, first=None):
    with tempfile.TemporaryDirectory(prefix="podatelna-twice-") as work:
        os.chmod(work, 0o755)
        other = os.path.join(work, "somewhere", "else")
        shutil.copytree(top, other, ignore=OUTSIDE, copy_function=shutil.copyfile)  # with the time of now, without the rights of the files
        nobody = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        second = os.path.join(work, "a-build-with-a-longer-name")
        os.mkdir(second)
        if nobody is not None:
            os.chown(second, nobody, -1)
        try:
            if first is None:
                first = build(top, os.path.join(work, "one"), {"LC_ALL": "C.UTF-8", "HOME": work, "TZ": "UTC"})
            second = build(other, second, {"LC_ALL": "C", "HOME": "/nonexistent", "TZ": "Asia/Tokyo", "LANGUAGE": "cs"}, nobody, 0o077, 3)
        except AssertionError as error:
            return [f"it does not build: {error}"]
        names = programs(second)
        if len(names) < 6:
            return [f"only these programs were built: {' '.join(names)}"]
        return [f"{name}: the two builds differ (diffoscope {first}/{name} {second}/{name}, after a build by hand)" for name in names
                if not os.path.exists(os.path.join(first, name)) or not filecmp.cmp(os.path.join(first, name), os.path.join(second, name), shallow=False)]
