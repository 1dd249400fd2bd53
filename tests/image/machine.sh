#!/bin/bash
# machine.sh FOLDER - becomes a machine: systemd as process 1 of name spaces of its own, on a copy of this machine's files that is forgotten at the end.
# Started by tests/image/systemd through unshare(1). FOLDER/stage is copied over the files (what `cmake --install` made), FOLDER/box is seen as /opt/box.
set -e
B=$1
R=$B/root
mount --make-rprivate /
mkdir "$B/fs" "$R"
mount -t tmpfs tmpfs "$B/fs"
mkdir "$B/fs/up" "$B/fs/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$B/fs/up,workdir=$B/fs/work" "$R"
cp -a --no-preserve=ownership "$B/stage/." "$R/"
mount -t proc proc "$R/proc"
# Nothing of the real machine may be changed from here: no settings of the kernel, no devices, no clock.
mount --bind "$R/proc/sys" "$R/proc/sys"
mount -o remount,ro,bind "$R/proc/sys"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t tmpfs tmpfs "$R/run"
mount -t tmpfs tmpfs "$R/dev"
for name in null zero full random urandom tty; do
	touch "$R/dev/$name"
	mount --bind "/dev/$name" "$R/dev/$name"
done
mkdir "$R/dev/pts" "$R/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"
ln -s /proc/self/fd "$R/dev/fd"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
else
	mount -t tmpfs tmpfs "$R/sys/fs/cgroup"
	mkdir "$R/sys/fs/cgroup/systemd"
	mount -t cgroup -o none,name=systemd cgroup "$R/sys/fs/cgroup/systemd"
fi
mkdir -p "$R/opt/box"
mount --bind "$B/box" "$R/opt/box"
: >"$R/etc/fstab"
printf '[Unit]\nWants=dbus.service\nRequires=basic.target\nAfter=basic.target\n' >"$R/etc/systemd/system/box.target"
mount -t tmpfs tmpfs "$R/tmp"
exec env -i container=podatelna "PATH=$PATH" setpriv --bounding-set -sys_time,-sys_module,-sys_boot \
	chroot "$R" /lib/systemd/systemd --unit=box.target --log-target=null
