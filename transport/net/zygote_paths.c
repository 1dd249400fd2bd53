#include "zygote_paths.h"

#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"

static const char *const system_paths[] = {
	"/etc/ssl",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/usr/lib/ssl",
	"/etc/resolv.conf",
	"/run/systemd/resolve",
	"/run/NetworkManager",
	"/run/resolvconf",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/ld.so.cache",
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
};

static void add_path(struct paths *paths, const char *path)
{
	if (stat(path, &paths->seen[paths->count]) != 0) {
		paths->seen[paths->count] = (struct stat){ 0 };
	}
	paths->list[paths->count++] = (struct sandbox_path){ .path = path };
}

void paths_read(struct paths *paths, struct span settings)
{
	struct span name, value;
	size_t count = 0;

	for (size_t i = 0; i < sizeof system_paths / sizeof *system_paths; i++) {
		add_path(paths, system_paths[i]);
	}
	while (lines_next(&settings, &name, &value)) {
		if (!span_starts_with(name, "ca-file.")) {
			continue;
		}
		if (count < PATHS_CA_FILES_MAX && span_copy_string(value, paths->ca_files[count], sizeof paths->ca_files[count])) {
			add_path(paths, paths->ca_files[count++]);
		} else {
			log_warning("a ca-file is left out: too many or too long");
		}
	}
}

const char *paths_changed(const struct paths *paths)
{
	for (size_t i = 0; i < paths->count; i++) {
		struct stat now;

		if (stat(paths->list[i].path, &now) != 0) {
			now = (struct stat){ 0 };
		}
		if (now.st_ino != paths->seen[i].st_ino || now.st_dev != paths->seen[i].st_dev) {
			return paths->list[i].path;
		}
	}
	return NULL;
}
