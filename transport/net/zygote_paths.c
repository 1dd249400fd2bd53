#include "zygote_paths.h"

#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"

static const char *const system_paths[] = {
	"/etc/ssl",
	"/etc/ssl/certs/ca-certificates.crt",
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
		paths->system_anchors = paths->system_anchors || span_equals_string(name, "system-anchors");
		if (!span_starts_with(name, "ca-file.")) {
			continue;
		}
		if (count < PATHS_CA_FILES_MAX && span_copy_string(value, paths->ca_files[count], sizeof paths->ca_files[count])) {
			add_path(paths, paths->ca_files[count++]);
		} else {
			log_warning("a ca-file is left out: too many or too long");
		}
	}
	paths->ca_file_count = count;
}

/* Directories change their times whenever somebody works in them; of them only the identity counts. */
static bool is_same(const struct stat *now, const struct stat *seen)
{
	return now->st_ino == seen->st_ino && now->st_dev == seen->st_dev &&
	       (!S_ISREG(now->st_mode) ||
	        (now->st_size == seen->st_size && now->st_mtim.tv_sec == seen->st_mtim.tv_sec && now->st_mtim.tv_nsec == seen->st_mtim.tv_nsec));
}

const char *paths_changed(const struct paths *paths)
{
	for (size_t i = 0; i < paths->count; i++) {
		struct stat now;

		if (stat(paths->list[i].path, &now) != 0) {
			now = (struct stat){ 0 };
		}
		if (!is_same(&now, &paths->seen[i])) {
			return paths->list[i].path;
		}
	}
	return NULL;
}
