#include "crash_trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

int trace_add(int fd, const struct trace_head *head, const char *name, const char *name_to, const void *data)
{
	struct trace_head whole = *head;
	struct iovec parts[] = {
		{ &whole, sizeof whole },
		{ (void *)(uintptr_t)name, name == NULL ? 0 : strlen(name) },
		{ (void *)(uintptr_t)name_to, name_to == NULL ? 0 : strlen(name_to) },
		{ (void *)(uintptr_t)data, head->data_length },
	};
	size_t length = 0;

	whole.name_length = (uint32_t)parts[1].iov_len;
	whole.name_to_length = (uint32_t)parts[2].iov_len;
	for (size_t i = 0; i < 4; i++) {
		length += parts[i].iov_len;
	}
	return writev(fd, parts, 4) == (ssize_t)length ? 0 : -1;
}

static void broken(const char *why)
{
	(void)fprintf(stderr, "trace: %s\n", why);
	abort();
}

static void must(bool good, const char *why)
{
	if (!good) {
		broken(why);
	}
}

static void add_sync(int fd, uint64_t inode)
{
	must(trace_add(fd, &(struct trace_head){ .kind = TRACE_SYNC, .inode = inode }, NULL, NULL, NULL) == 0, "it cannot be written");
}

static void add_file(int fd, int dir, uint64_t dir_inode, const char *name, const struct stat *info)
{
	int from = openat(dir, name, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes = malloc((size_t)info->st_size + 1);
	struct trace_head head = { .kind = TRACE_CREATE, .inode = info->st_ino, .dir = dir_inode };

	must(from >= 0 && bytes != NULL && pread(from, bytes, (size_t)info->st_size, 0) == info->st_size, "a file cannot be read");
	must(trace_add(fd, &head, name, NULL, NULL) == 0, "it cannot be written");
	head = (struct trace_head){ .kind = TRACE_WRITE, .inode = info->st_ino, .data_length = (uint32_t)info->st_size };
	must(trace_add(fd, &head, NULL, NULL, bytes) == 0, "it cannot be written");
	head = (struct trace_head){ .kind = TRACE_CHMOD, .inode = info->st_ino, .offset = info->st_mode & 0777U };
	must(trace_add(fd, &head, NULL, NULL, NULL) == 0, "it cannot be written");
	add_sync(fd, info->st_ino);
	free(bytes);
	(void)close(from);
}

static void add_children(int fd, int dir)
{
	DIR *stream = fdopendir(dup(dir));
	struct stat own, info;

	must(stream != NULL && fstat(dir, &own) == 0, "a folder cannot be read");
	for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		must(fstatat(dir, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0, "a name cannot be read");
		if (S_ISDIR(info.st_mode)) {
			int below = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			struct trace_head head = { .kind = TRACE_MKDIR, .inode = info.st_ino, .dir = own.st_ino };

			must(below >= 0 && trace_add(fd, &head, entry->d_name, NULL, NULL) == 0, "a folder cannot be added");
			add_children(fd, below);
			(void)close(below);
		} else {
			add_file(fd, dir, own.st_ino, entry->d_name, &info);
		}
	}
	add_sync(fd, own.st_ino);
	(void)closedir(stream);
}

void trace_add_folder(int fd, const char *path, const char *name)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat info;

	must(dir >= 0 && fstat(dir, &info) == 0, "a folder cannot be opened");
	must(trace_add(fd, &(struct trace_head){ .kind = TRACE_ROOT, .inode = info.st_ino }, name, NULL, NULL) == 0, "it cannot be written");
	add_children(fd, dir);
	(void)close(dir);
}

static const uint8_t *take(const uint8_t **at, const uint8_t *end, size_t length)
{
	const uint8_t *taken = *at;

	if ((size_t)(end - *at) < length) {
		broken("it ends in the middle of an event");
	}
	*at += length;
	return taken;
}

static void take_name(const uint8_t **at, const uint8_t *end, size_t length, char ret[TRACE_NAME_SIZE])
{
	if (length >= TRACE_NAME_SIZE) {
		broken("a name is too long");
	}
	memcpy(ret, take(at, end, length), length);
	ret[length] = '\0';
}

void trace_read(const char *path, struct trace *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	const uint8_t *at = NULL, *end = NULL;

	if (fd < 0 || fstat(fd, &info) != 0) {
		broken("it cannot be opened");
	}
	ret->bytes = malloc((size_t)info.st_size + 1);
	ret->events = calloc(TRACE_EVENTS_MAX, sizeof *ret->events);
	ret->count = 0;
	if (ret->bytes == NULL || ret->events == NULL || pread(fd, ret->bytes, (size_t)info.st_size, 0) != info.st_size) {
		broken("it cannot be read");
	}
	(void)close(fd);
	for (at = ret->bytes, end = at + info.st_size; at < end; ret->count++) {
		struct trace_event *event = &ret->events[ret->count];

		if (ret->count == TRACE_EVENTS_MAX) {
			broken("it is too long");
		}
		memcpy(&event->head, take(&at, end, sizeof event->head), sizeof event->head);
		take_name(&at, end, event->head.name_length, event->name);
		take_name(&at, end, event->head.name_to_length, event->name_to);
		event->data = take(&at, end, event->head.data_length);
	}
}

void trace_free(struct trace *trace)
{
	free(trace->bytes);
	free(trace->events);
	memset(trace, 0, sizeof *trace);
}
