/* What pcscd asks of libudev, answered from the folder of plugs: each reader is an interface of a USB device, which comes and goes with its file. Names
 * and prototypes are those of libudev; nothing else of it is here, and pcscd uses nothing else (nm -D).
 */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct udev {
	int unused;
};

struct udev_monitor {
	int fd;
};

struct udev_device {
	unsigned number;
	const char *action;
	char node[sizeof READER_NODE + 4];
	char name[16];
};

struct udev_list_entry {
	unsigned number;
};

struct udev_enumerate {
	struct udev_list_entry entries[READERS + 1]; /* number READERS ends the list */
};

struct udev *udev_new(void);
struct udev *udev_unref(struct udev *udev);
struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name);
int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem, const char *type);
int udev_monitor_enable_receiving(struct udev_monitor *monitor);
int udev_monitor_get_fd(struct udev_monitor *monitor);
struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor);
struct udev_enumerate *udev_enumerate_new(struct udev *udev);
struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *enumerate);
int udev_enumerate_add_match_subsystem(struct udev_enumerate *enumerate, const char *subsystem);
int udev_enumerate_scan_devices(struct udev_enumerate *enumerate);
struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *enumerate);
struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry);
const char *udev_list_entry_get_name(struct udev_list_entry *entry);
struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *path);
struct udev_device *udev_device_unref(struct udev_device *device);
struct udev_device *udev_device_get_parent_with_subsystem_devtype(struct udev_device *device, const char *subsystem, const char *type);
const char *udev_device_get_action(struct udev_device *device);
const char *udev_device_get_devnode(struct udev_device *device);
const char *udev_device_get_sysname(struct udev_device *device);
const char *udev_device_get_sysattr_value(struct udev_device *device, const char *name);

struct udev *udev_new(void)
{
	static struct udev udev;

	return &udev;
}

struct udev *udev_unref(struct udev *udev)
{
	(void)udev;
	return NULL;
}

static struct udev_device *new_device(unsigned number, const char *action)
{
	struct udev_device *device = calloc(1, sizeof *device);

	if (device != NULL) {
		device->number = number;
		device->action = action;
		(void)snprintf(device->node, sizeof device->node, READER_NODE "%u", number % READERS);
		(void)snprintf(device->name, sizeof device->name, "1-%u:1.0", number % READERS + 1);
	}
	return device;
}

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name)
{
	static struct udev_monitor monitor;
	const char *plugs = getenv("PODATELNA_PLUGS");

	(void)udev;
	(void)name;
	monitor.fd = inotify_init1(IN_CLOEXEC);
	return plugs != NULL && monitor.fd >= 0 && inotify_add_watch(monitor.fd, plugs, IN_MOVED_TO | IN_DELETE) >= 0 ? &monitor : NULL;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem, const char *type)
{
	(void)monitor;
	(void)subsystem;
	(void)type;
	return 0;
}

int udev_monitor_enable_receiving(struct udev_monitor *monitor)
{
	(void)monitor;
	return 0;
}

int udev_monitor_get_fd(struct udev_monitor *monitor)
{
	return monitor->fd;
}

/* One event: there is no room for two. */
struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor)
{
	union {
		struct inotify_event event;
		char room[sizeof(struct inotify_event) + 16];
	} one;
	unsigned number = READERS;

	memset(&one, 0, sizeof one);
	if (read(monitor->fd, &one, sizeof one) < (ssize_t)sizeof one.event || one.event.len == 0 || strncmp(one.event.name, "reader", 6) != 0) {
		return NULL;
	}
	number = (unsigned)strtoul(one.event.name + 6, NULL, 10);
	return number >= READERS ? NULL : new_device(number, (one.event.mask & IN_DELETE) != 0 ? "remove" : "add");
}

struct udev_enumerate *udev_enumerate_new(struct udev *udev)
{
	(void)udev;
	return calloc(1, sizeof(struct udev_enumerate));
}

struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *enumerate)
{
	free(enumerate);
	return NULL;
}

int udev_enumerate_add_match_subsystem(struct udev_enumerate *enumerate, const char *subsystem)
{
	(void)enumerate;
	(void)subsystem;
	return 0;
}

int udev_enumerate_scan_devices(struct udev_enumerate *enumerate)
{
	unsigned count = 0;

	for (unsigned i = 0; i < READERS; i++) {
		if (reader_is_plugged(i)) {
			enumerate->entries[count++].number = i;
		}
	}
	enumerate->entries[count].number = READERS;
	return 0;
}

struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *enumerate)
{
	return enumerate->entries[0].number == READERS ? NULL : enumerate->entries;
}

struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry)
{
	return entry[1].number == READERS ? NULL : entry + 1;
}

const char *udev_list_entry_get_name(struct udev_list_entry *entry)
{
	static const char *const names[READERS] = { "0", "1" };

	return names[entry->number];
}

struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *path)
{
	(void)udev;
	return new_device((unsigned)strtoul(path, NULL, 10), NULL);
}

struct udev_device *udev_device_unref(struct udev_device *device)
{
	free(device);
	return NULL;
}

/* The interface stands for its device, too. */
struct udev_device *udev_device_get_parent_with_subsystem_devtype(struct udev_device *device, const char *subsystem, const char *type)
{
	(void)subsystem;
	(void)type;
	return device;
}

const char *udev_device_get_action(struct udev_device *device)
{
	return device->action;
}

const char *udev_device_get_devnode(struct udev_device *device)
{
	return device->node;
}

const char *udev_device_get_sysname(struct udev_device *device)
{
	return device->name;
}

const char *udev_device_get_sysattr_value(struct udev_device *device, const char *name)
{
	static const struct {
		const char *name, *value;
	} values[] = { { "idVendor", "1209" }, { "idProduct", "0001" }, { "bInterfaceNumber", "00" }, { "bConfigurationValue", "1" } };

	(void)device;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		if (strcmp(values[i].name, name) == 0) {
			return values[i].value;
		}
	}
	return NULL;
}
