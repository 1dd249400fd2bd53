#include "crash_disk.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTHING SIZE_MAX
#define NAMES_MAX 600 /* in one folder */

/* A file or a folder, from its CREATE, MKDIR or ROOT on. */
struct thing {
	uint64_t inode;
	bool folder;
	size_t parent; /* where it was made */
	char name[TRACE_NAME_SIZE];
	size_t class;
	/* the state that disk_build makes */
	uint8_t *bytes;
	size_t length;
	unsigned mode;
	size_t *children; /* of a folder, with names */
	char (*names)[TRACE_NAME_SIZE];
	size_t child_count;
};

/* What an event is about, once numbers of inodes are resolved. */
struct about {
	size_t thing, dir, dir_to;
};

struct disk {
	const struct trace *trace;
	struct thing things[DISK_THINGS_MAX];
	size_t thing_count;
	struct about *abouts;
	char classes[DISK_CLASSES_MAX][DISK_CLASS_SIZE];
	size_t class_count;
	size_t cut, without;
	unsigned sector;
	size_t *first_unit; /* of each event; NOTHING: it is durable */
	struct disk_unit units[DISK_UNITS_MAX];
	size_t unit_count;
};

static void broken(const char *why)
{
	(void)fprintf(stderr, "crash_disk: %s\n", why);
	abort();
}

/* --- the run as a whole --- */

static size_t find(const struct disk *disk, uint64_t inode)
{
	for (size_t i = disk->thing_count; i-- > 0;) {
		if (disk->things[i].inode == inode) {
			return i;
		}
	}
	return NOTHING;
}

static size_t add(struct disk *disk, const struct trace_event *event, bool folder, size_t parent)
{
	struct thing *thing = &disk->things[disk->thing_count];

	if (disk->thing_count == DISK_THINGS_MAX) {
		broken("too many files");
	}
	thing->inode = event->head.inode;
	thing->folder = folder;
	thing->parent = parent;
	thing->class = NOTHING;
	(void)snprintf(thing->name, sizeof thing->name, "%s", event->name);
	return disk->thing_count++;
}

/* Digits and hashes in a name become one N, so that all segments are one class. */
static void collapse(const char *name, char *ret, size_t size)
{
	size_t length = 0;

	while (*name != '\0' && length + 1 < size) {
		size_t run = strspn(name, "0123456789abcdef-");

		if (run > 0 && (run >= 8 || isdigit((unsigned char)*name) || (run == 2 && name[2] == '\0'))) {
			ret[length++] = 'N';
			name += run;
		} else {
			ret[length++] = *name++;
		}
	}
	ret[length] = '\0';
}

static void class_name(const struct disk *disk, size_t index, char *ret, size_t size)
{
	const struct thing *thing = &disk->things[index];
	char above[DISK_CLASS_SIZE] = "", own[DISK_CLASS_SIZE];

	if (thing->parent != NOTHING) {
		class_name(disk, thing->parent, above, sizeof above);
	}
	collapse(thing->name, own, sizeof own);
	(void)snprintf(ret, size, "%.40s%.40s%s", above, own, thing->folder ? "/" : "");
}

static size_t class_of(struct disk *disk, size_t thing)
{
	char name[DISK_CLASS_SIZE];

	if (disk->things[thing].class != NOTHING) {
		return disk->things[thing].class;
	}
	class_name(disk, thing, name, sizeof name);
	for (size_t i = 0; i < disk->class_count; i++) {
		if (strcmp(disk->classes[i], name) == 0) {
			disk->things[thing].class = i;
			return i;
		}
	}
	if (disk->class_count == DISK_CLASSES_MAX) {
		broken("too many kinds of files");
	}
	(void)snprintf(disk->classes[disk->class_count], DISK_CLASS_SIZE, "%s", name);
	disk->things[thing].class = disk->class_count;
	return disk->class_count++;
}

static void resolve(struct disk *disk, size_t index)
{
	const struct trace_event *event = &disk->trace->events[index];
	struct about *about = &disk->abouts[index];

	about->dir = event->head.dir == 0 ? NOTHING : find(disk, event->head.dir);
	about->dir_to = event->head.dir_to == 0 ? NOTHING : find(disk, event->head.dir_to);
	switch ((enum trace_kind)event->head.kind) {
	case TRACE_ROOT:
		about->thing = add(disk, event, true, NOTHING);
		break;
	case TRACE_CREATE:
	case TRACE_MKDIR:
		about->thing = about->dir == NOTHING ? NOTHING : add(disk, event, event->head.kind == TRACE_MKDIR, about->dir);
		break;
	default:
		about->thing = event->head.inode == 0 ? NOTHING : find(disk, event->head.inode);
		break;
	}
	if (event->head.kind == TRACE_SYNC && about->thing != NOTHING) {
		(void)class_of(disk, about->thing);
	}
}

struct disk *disk_new(const struct trace *trace)
{
	struct disk *disk = calloc(1, sizeof *disk);

	if (disk == NULL || (disk->abouts = calloc(trace->count + 1, sizeof *disk->abouts)) == NULL ||
	    (disk->first_unit = calloc(trace->count + 1, sizeof *disk->first_unit)) == NULL) {
		broken("no memory");
	}
	disk->trace = trace;
	for (size_t i = 0; i < trace->count; i++) {
		resolve(disk, i);
	}
	return disk;
}

static void forget(struct disk *disk)
{
	for (size_t i = 0; i < disk->thing_count; i++) {
		struct thing *thing = &disk->things[i];

		free(thing->bytes);
		free(thing->children);
		free(thing->names);
		thing->bytes = NULL;
		thing->children = NULL;
		thing->names = NULL;
		thing->length = thing->child_count = 0;
		thing->mode = 0600;
	}
}

void disk_free(struct disk *disk)
{
	forget(disk);
	free(disk->abouts);
	free(disk->first_unit);
	free(disk);
}

size_t disk_class_count(const struct disk *disk)
{
	return disk->class_count;
}

const char *disk_class_name(const struct disk *disk, size_t class)
{
	return disk->classes[class];
}

size_t disk_class_of_sync(const struct disk *disk, size_t event)
{
	size_t thing = disk->abouts[event].thing;

	return thing == NOTHING ? NOTHING : disk->things[thing].class;
}

const char *disk_name_of_write(const struct disk *disk, size_t event)
{
	size_t thing = disk->abouts[event].thing;

	return thing == NOTHING ? "" : disk->things[thing].name;
}

/* --- the questions of a cut --- */

/* A sync of this file or folder that counts, behind event `from`. */
static bool is_synced(const struct disk *disk, size_t thing, size_t from)
{
	if (thing == NOTHING) {
		return true; /* nothing that is looked at */
	}
	for (size_t i = from + 1; i < disk->cut; i++) {
		if (disk->trace->events[i].head.kind == TRACE_SYNC_FAILED && disk->abouts[i].thing == thing && !disk->things[thing].folder) {
			return false;
		}
		if (disk->trace->events[i].head.kind == TRACE_SYNC && disk->abouts[i].thing == thing &&
		    (disk->without == NOTHING || disk->things[thing].class != disk->without)) {
			return true;
		}
	}
	return false;
}

static void ask(struct disk *disk, enum disk_unit_kind kind, size_t event, uint64_t from, uint64_t to)
{
	if (disk->unit_count == DISK_UNITS_MAX) {
		broken("too many open questions at once");
	}
	disk->units[disk->unit_count++] = (struct disk_unit){ .kind = kind, .event = event, .from = from, .to = to };
}

/* Length first, then sector by sector: disk_build relies on that order. */
static void ask_write(struct disk *disk, size_t index)
{
	const struct trace_head *head = &disk->trace->events[index].head;
	uint64_t at = head->offset, end = head->offset + head->data_length;

	ask(disk, DISK_LENGTH, index, 0, end);
	while (at < end) {
		uint64_t next = (at / disk->sector + 1) * disk->sector;

		next = next < end ? next : end;
		ask(disk, DISK_SECTOR, index, at, next);
		at = next;
	}
}

static void ask_event(struct disk *disk, size_t index)
{
	const struct about *about = &disk->abouts[index];

	switch ((enum trace_kind)disk->trace->events[index].head.kind) {
	case TRACE_WRITE:
		if (!is_synced(disk, about->thing, index)) {
			ask_write(disk, index);
		}
		break;
	case TRACE_TRUNCATE:
		if (!is_synced(disk, about->thing, index)) {
			ask(disk, DISK_CUT, index, 0, 0);
		}
		break;
	case TRACE_CREATE:
	case TRACE_MKDIR:
	case TRACE_UNLINK:
		if (!is_synced(disk, about->dir, index)) {
			ask(disk, DISK_NAME, index, 0, 0);
		}
		break;
	case TRACE_RENAME:
	case TRACE_LINK:
		if (!is_synced(disk, about->dir_to, index)) {
			ask(disk, DISK_NAME, index, 0, 0);
		}
		break;
	case TRACE_SYNC:
	case TRACE_SYNC_FAILED:
	case TRACE_CHMOD:
	case TRACE_ROOT:
	case TRACE_MARK:
		break;
	}
}

size_t disk_cut(struct disk *disk, size_t cut, unsigned sector, size_t without)
{
	disk->cut = cut;
	disk->sector = sector;
	disk->without = without;
	disk->unit_count = 0;
	for (size_t i = 0; i < cut; i++) {
		size_t before = disk->unit_count;

		ask_event(disk, i);
		disk->first_unit[i] = disk->unit_count > before ? before : NOTHING;
	}
	return disk->unit_count;
}

const struct disk_unit *disk_units(const struct disk *disk)
{
	return disk->units;
}

void disk_describe(const struct disk *disk, size_t unit, char *ret, size_t size)
{
	static const char *const kinds[] = { [DISK_SECTOR] = "bytes", [DISK_LENGTH] = "length", [DISK_CUT] = "truncation", [DISK_NAME] = "name" };
	static const char *const events[] = { [TRACE_CREATE] = "create", [TRACE_MKDIR] = "mkdir", [TRACE_WRITE] = "write",   [TRACE_TRUNCATE] = "truncate",
		                              [TRACE_RENAME] = "rename", [TRACE_LINK] = "link",   [TRACE_UNLINK] = "unlink", [TRACE_ROOT] = "" };
	const struct disk_unit *asked = &disk->units[unit];
	const struct trace_event *event = &disk->trace->events[asked->event];
	size_t thing = disk->abouts[asked->event].thing;

	(void)snprintf(ret, size, "event %zu %s %s %s %s, %s %llu-%llu", asked->event, events[event->head.kind],
	               event->name[0] != '\0' || thing == NOTHING ? event->name : disk->things[thing].name, event->name_to[0] != '\0' ? "to" : "",
	               event->name_to, kinds[asked->kind], (unsigned long long)asked->from, (unsigned long long)asked->to);
}

/* --- a state --- */

static void grow(struct thing *thing, uint64_t length)
{
	if (length > thing->length) {
		thing->bytes = realloc(thing->bytes, length);
		if (thing->bytes == NULL) {
			broken("no memory");
		}
		memset(thing->bytes + thing->length, 0, length - thing->length);
		thing->length = length;
	}
}

static void put(struct thing *thing, const struct trace_event *event, uint64_t from, uint64_t to)
{
	grow(thing, to);
	memcpy(thing->bytes + from, event->data + (from - event->head.offset), to - from);
}

static void write_event(struct disk *disk, size_t index, const bool *there)
{
	const struct trace_event *event = &disk->trace->events[index];
	struct thing *thing = &disk->things[disk->abouts[index].thing];

	if (disk->first_unit[index] == NOTHING) {
		put(thing, event, event->head.offset, event->head.offset + event->head.data_length);
		return;
	}
	for (size_t u = disk->first_unit[index]; u < disk->unit_count && disk->units[u].event == index; u++) {
		if (there[u] && disk->units[u].kind == DISK_LENGTH) {
			grow(thing, disk->units[u].to);
		} else if (there[u]) {
			put(thing, event, disk->units[u].from, disk->units[u].to);
		}
	}
}

static void take_name(struct thing *folder, const char *name)
{
	for (size_t i = 0; i < folder->child_count; i++) {
		if (strcmp(folder->names[i], name) == 0) {
			folder->child_count--;
			folder->children[i] = folder->children[folder->child_count];
			memmove(folder->names[i], folder->names[folder->child_count], TRACE_NAME_SIZE);
			return;
		}
	}
}

static void give_name(struct thing *folder, const char *name, size_t thing)
{
	take_name(folder, name);
	if (folder->children == NULL) {
		folder->children = calloc(NAMES_MAX, sizeof *folder->children);
		folder->names = calloc(NAMES_MAX, TRACE_NAME_SIZE);
	}
	if (folder->children == NULL || folder->names == NULL || folder->child_count == NAMES_MAX) {
		broken("too many names in a folder");
	}
	folder->children[folder->child_count] = thing;
	(void)snprintf(folder->names[folder->child_count++], TRACE_NAME_SIZE, "%s", name);
}

static void name_event(struct disk *disk, size_t index)
{
	const struct trace_event *event = &disk->trace->events[index];
	const struct about *about = &disk->abouts[index];

	if (event->head.kind == TRACE_UNLINK || event->head.kind == TRACE_RENAME) {
		take_name(&disk->things[about->dir], event->name);
	}
	if (event->head.kind == TRACE_CREATE || event->head.kind == TRACE_MKDIR) {
		give_name(&disk->things[about->dir], event->name, about->thing);
	} else if (event->head.kind != TRACE_UNLINK) {
		give_name(&disk->things[about->dir_to], event->name_to, about->thing);
	}
}

static void apply(struct disk *disk, size_t index, const bool *there)
{
	const struct trace_event *event = &disk->trace->events[index];
	const struct about *about = &disk->abouts[index];
	bool is_there = disk->first_unit[index] == NOTHING || there[disk->first_unit[index]];

	switch ((enum trace_kind)event->head.kind) {
	case TRACE_WRITE:
		if (about->thing != NOTHING) {
			write_event(disk, index, there);
		}
		break;
	case TRACE_TRUNCATE:
		if (is_there && about->thing != NOTHING) {
			grow(&disk->things[about->thing], event->head.offset);
			disk->things[about->thing].length = event->head.offset;
		}
		break;
	case TRACE_CHMOD:
		if (about->thing != NOTHING) {
			disk->things[about->thing].mode = (unsigned)event->head.offset & 0777U;
		}
		break;
	case TRACE_CREATE:
	case TRACE_MKDIR:
	case TRACE_UNLINK:
	case TRACE_RENAME:
	case TRACE_LINK:
		if (is_there && about->dir != NOTHING && (about->dir_to != NOTHING || event->head.dir_to == 0)) {
			name_event(disk, index);
		}
		break;
	case TRACE_SYNC:
	case TRACE_SYNC_FAILED:
	case TRACE_ROOT:
	case TRACE_MARK:
		break;
	}
}

static void build_thing(const struct disk *disk, size_t index, int above, const char *name)
{
	const struct thing *thing = &disk->things[index];
	int fd = -1;

	if (!thing->folder) {
		fd = openat(above, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, thing->bytes, thing->length) != (ssize_t)thing->length || fchmod(fd, thing->mode | 0400U) != 0) {
			broken(strerror(errno));
		}
		(void)close(fd);
		return;
	}
	if (mkdirat(above, name, 0700) != 0 || (fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		broken(strerror(errno));
	}
	for (size_t i = 0; i < thing->child_count; i++) {
		build_thing(disk, thing->children[i], fd, thing->names[i]);
	}
	(void)close(fd);
}

void disk_build(struct disk *disk, const bool *there, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		broken(strerror(errno));
	}
	forget(disk);
	for (size_t i = 0; i < disk->cut; i++) {
		apply(disk, i, there);
	}
	for (size_t i = 0; i < disk->thing_count; i++) {
		if (disk->things[i].parent == NOTHING) {
			build_thing(disk, i, fd, disk->things[i].name);
		}
	}
	(void)close(fd);
}
