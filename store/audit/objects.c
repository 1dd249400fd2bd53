/* objects.c - vault/ and keys/ against the records: there, and what their names say; whose they are by the key identifier inside (FORMAT.txt, section 8); what a record
 * erased is gone, what a record moved to the archive is there when the archive was given. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clean.h"
#include "envelope.h"
#include "state.h"
#include "words.h"

#define READ_BYTES ((size_t)256 * 1024)
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define FILE_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
#define NAME_SIZE ((size_t)2 * AUDIT_HASH_BYTES + 1)
#define PART_PATH_SIZE (NAME_SIZE + 3)

enum part_state {
	PART_MISSING,
	PART_GOOD,
	PART_BAD,
};

struct objects {
	struct audit *audit;
	int vault_fd, archive_fd, keys_fd; /* -1: not there, not given */
	char origin_id[17];                /* the beginning of every key identifier */
	size_t *firsts;                    /* of each different part, its first place in uses (sorted by hash) */
	size_t count;
	enum part_state *states;
	pthread_mutex_t lock;
	uint64_t bytes, parts;
};

static int by_hash(const void *a, const void *b)
{
	const struct object_use *left = a, *right = b;
	int order = memcmp(left->hash, right->hash, AUDIT_HASH_BYTES);

	return order != 0 ? order : left->index != right->index ? (left->index < right->index ? -1 : 1) : (int)left->role - (int)right->role;
}

static const struct audit_case *case_of(const struct objects *objects, const struct object_use *use)
{
	return &objects->audit->cases[use->case_number];
}

/* Any use of these bytes; NULL: nobody's. */
static const struct object_use *find_use(const struct objects *objects, const uint8_t hash[AUDIT_HASH_BYTES])
{
	size_t low = 0, high = objects->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct object_use *use = &objects->audit->uses[objects->firsts[middle]];
		int order = memcmp(hash, use->hash, AUDIT_HASH_BYTES);

		if (order == 0) {
			return use;
		}
		if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return NULL;
}

/* --- one part -------------------------------------------------------------------------------------------------------------------------------------------------- */

static void say_other(struct objects *objects, const struct object_use *use, const uint8_t hash[AUDIT_HASH_BYTES])
{
	const struct object_use *other = find_use(objects, hash);
	char number[CASE_NUMBER_SIZE];

	if (other == NULL) {
		audit_found(objects->audit, AUDIT_OBJECT_CHANGED, use->index, "part %u of %s is not what its name says", use->part + 1U,
		            objects->audit->rules.field[use->role]);
	} else {
		case_text(case_of(objects, other)->key, number);
		audit_found(objects->audit, AUDIT_OBJECT_SWAPPED, use->index, "in the place of part %u of %s lies part %u of %s of case %s", use->part + 1U,
		            objects->audit->rules.field[use->role], other->part + 1U, objects->audit->rules.field[other->role], number);
	}
}

/* Whose key it was made with, and how much content it carries: what a forger who only moves files cannot change. */
static bool check_envelope(struct objects *objects, const struct object_use *use, struct bytes head, uint64_t file_bytes)
{
	struct envelope envelope;
	char number[CASE_NUMBER_SIZE], wanted[ENVELOPE_ID_SIZE];

	case_text(case_of(objects, use)->key, number);
	(void)snprintf(wanted, sizeof wanted, "%s/%s/%u", objects->origin_id, number, use->generation);
	if (!envelope_read(head, file_bytes, &envelope)) {
		audit_found(objects->audit, AUDIT_OBJECT_CHANGED, use->index, "part %u of %s is no sealed content", use->part + 1U,
		            objects->audit->rules.field[use->role]);
		return false;
	}
	if (strcmp(envelope.key_id, wanted) != 0) {
		audit_found(objects->audit, AUDIT_OBJECT_SWAPPED, use->index, "part %u of %s is sealed with the key %s and not with %s", use->part + 1U,
		            objects->audit->rules.field[use->role], envelope.key_id, wanted);
		return false;
	}
	if (envelope.content_bytes != use->content) {
		audit_found(objects->audit, AUDIT_OBJECT_SWAPPED, use->index, "part %u of %s carries %ju bytes of content and not %ju: another part",
		            use->part + 1U, objects->audit->rules.field[use->role], envelope.content_bytes, use->content);
		return false;
	}
	return true;
}

static bool hash_file(int fd, uint8_t *head, size_t *ret_head, uint64_t *ret_bytes, uint8_t ret[AUDIT_HASH_BYTES])
{
	AUDIT_CLEAN_FREE uint8_t *bytes = malloc(READ_BYTES);
	mbedtls_sha256_context hash;
	uint64_t offset = 0;
	size_t done = 0;

	mbedtls_sha256_init(&hash);
	if (bytes == NULL || mbedtls_sha256_starts_ret(&hash, 0) != 0) {
		return false;
	}
	do {
		if (!source_pread(fd, bytes, READ_BYTES, offset, &done) && errno != 0) {
			return false;
		}
		if (offset == 0) {
			*ret_head = done < ENVELOPE_HEAD_BYTES ? done : ENVELOPE_HEAD_BYTES;
			memcpy(head, bytes, *ret_head);
		}
		(void)mbedtls_sha256_update_ret(&hash, bytes, done);
		offset += done;
	} while (done == READ_BYTES);
	(void)mbedtls_sha256_finish_ret(&hash, ret);
	*ret_bytes = offset;
	return true;
}

static int open_part(const struct objects *objects, const uint8_t hash[AUDIT_HASH_BYTES], bool archived)
{
	char name[NAME_SIZE], path[PART_PATH_SIZE];
	int fd = -1;

	frame_to_hex(hash, AUDIT_HASH_BYTES, name);
	(void)snprintf(path, sizeof path, "%.2s/%s", name, name);
	errno = ENOENT;
	if (objects->vault_fd >= 0) {
		fd = openat(objects->vault_fd, path, FILE_FLAGS);
	}
	if (fd < 0 && errno == ENOENT && archived && objects->archive_fd >= 0) {
		fd = openat(objects->archive_fd, path, FILE_FLAGS);
	}
	return fd;
}

/* Another case or generation that names the same bytes: parts are sealed each with a key of their own, so that cannot come to be. */
static void check_shared(struct objects *objects, size_t first)
{
	struct audit *audit = objects->audit;
	const struct object_use *use = &audit->uses[first];

	for (size_t i = first + 1; i < audit->use_count && memcmp(audit->uses[i].hash, use->hash, AUDIT_HASH_BYTES) == 0; i++) {
		if (audit->uses[i].case_number != use->case_number || audit->uses[i].generation != use->generation) {
			audit_found(audit, AUDIT_OBJECT_SWAPPED, audit->uses[i].index, "it names a part that record %ju has for another case or generation",
			            use->index);
			return;
		}
		if (audit->uses[i].part != use->part) {
			audit_found(audit, AUDIT_OBJECT_SWAPPED, audit->uses[i].index, "it names as part %u what is part %u in record %ju",
			            audit->uses[i].part + 1U, use->part + 1U, use->index);
			return;
		}
	}
}

static void check_part(void *context, uint64_t n)
{
	struct objects *objects = context;
	const struct object_use *use = &objects->audit->uses[objects->firsts[n]];
	const struct audit_case *of = case_of(objects, use);
	AUDIT_CLEAN_FD int fd = open_part(objects, use->hash, of->archived != 0);
	uint8_t head[ENVELOPE_HEAD_BYTES], hash[AUDIT_HASH_BYTES];
	size_t head_bytes = 0;
	uint64_t bytes = 0;

	check_shared(objects, objects->firsts[n]);
	if (fd < 0) {
		objects->states[n] = PART_MISSING;
		if (errno != ENOENT) {
			objects->states[n] = PART_BAD;
			audit_found(objects->audit, AUDIT_UNREADABLE, use->index, "part %u of %s cannot be read: %s", use->part + 1U,
			            objects->audit->rules.field[use->role], strerror(errno));
		}
		return;
	}
	if (!hash_file(fd, head, &head_bytes, &bytes, hash)) {
		objects->states[n] = PART_BAD;
		audit_found(objects->audit, AUDIT_UNREADABLE, use->index, "part %u of %s cannot be read: %s", use->part + 1U,
		            objects->audit->rules.field[use->role], strerror(errno));
		return;
	}
	objects->states[n] = PART_GOOD;
	if (memcmp(hash, use->hash, sizeof hash) != 0) {
		objects->states[n] = PART_BAD;
		say_other(objects, use, hash);
	} else if (!check_envelope(objects, use, (struct bytes){ .data = head, .length = head_bytes }, bytes)) {
		objects->states[n] = PART_BAD;
	}
	(void)pthread_mutex_lock(&objects->lock);
	objects->bytes += bytes;
	objects->parts++;
	(void)pthread_mutex_unlock(&objects->lock);
}

/* --- what is not there, and what still is ------------------------------------------------------------------------------------------------------------------------ */

static void say_missing(struct objects *objects, const struct object_use *use)
{
	const struct audit_case *of = case_of(objects, use);
	struct audit *audit = objects->audit;

	if (of->erased != 0) {
		return; /* as it should be: said once per case */
	}
	if (of->archived != 0 && objects->archive_fd < 0) {
		return;
	}
	if (of->archived != 0) {
		audit_found(audit, AUDIT_OBJECT_MISSING, use->index, "part %u of %s is neither in the vault nor in the archive", use->part + 1U,
		            audit->rules.field[use->role]);
	} else {
		audit_found(audit, AUDIT_OBJECT_MISSING, use->index, "part %u of %s is not in the vault, and no record erased it", use->part + 1U,
		            audit->rules.field[use->role]);
	}
}

static bool key_there(const struct objects *objects, const struct object_use *use)
{
	char number[CASE_NUMBER_SIZE], name[32];
	struct stat info;

	case_text(case_of(objects, use)->key, number);
	(void)snprintf(name, sizeof name, "%s.%u", number, use->generation);
	return fstatat(objects->keys_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
}

/* Uses by case and generation, so that each key is looked for once. */
static int by_case(const void *a, const void *b)
{
	const struct object_use *left = a, *right = b;

	if (left->case_number != right->case_number) {
		return left->case_number < right->case_number ? -1 : 1;
	}
	if (left->generation != right->generation) {
		return left->generation < right->generation ? -1 : 1;
	}
	return left->index < right->index ? -1 : left->index > right->index;
}

static void check_keys(struct objects *objects)
{
	struct audit *audit = objects->audit;

	qsort(audit->uses, audit->use_count, sizeof *audit->uses, by_case);
	for (size_t i = 0; i < audit->use_count; i++) {
		const struct object_use *use = &audit->uses[i];
		const struct audit_case *of = case_of(objects, use);
		bool there = false;

		if (i > 0 && audit->uses[i - 1].case_number == use->case_number && audit->uses[i - 1].generation == use->generation) {
			continue;
		}
		there = key_there(objects, use);
		audit->figures.keys += there ? 1 : 0;
		if (there && of->erased != 0) {
			audit_found(audit, AUDIT_NOT_ERASED, of->erased - 1, "the record erased the case, and its key of generation %u is still there",
			            use->generation);
		} else if (!there && of->erased == 0) {
			audit_found(audit, AUDIT_KEY, use->index, "the key of generation %u is missing, and no record erased it", use->generation);
		}
	}
}

static void say_cases(struct audit *audit)
{
	for (size_t i = 0; i < audit->case_count; i++) {
		const struct audit_case *of = &audit->cases[i];
		char number[CASE_NUMBER_SIZE];

		case_text(of->key, number);
		audit->figures.erased += of->erased != 0 ? 1 : 0;
		audit->figures.archived += of->archived != 0 && of->erased == 0 ? 1 : 0;
		if (of->erased != 0) {
			audit_found(audit, AUDIT_ERASED, of->erased - 1, "case %s: erased by record %ju", number, of->erased - 1);
		} else if (of->archived != 0 && audit->settings.archive_dir == NULL) {
			audit_found(audit, AUDIT_ARCHIVED, of->archived - 1, "case %s: its content is in the archive, which was not given", number);
		}
	}
}

static void judge_parts(struct objects *objects)
{
	struct audit *audit = objects->audit;
	uint64_t told = AUDIT_NO_INDEX;

	for (size_t n = 0; n < objects->count; n++) {
		const struct object_use *use = &audit->uses[objects->firsts[n]];
		const struct audit_case *of = case_of(objects, use);

		if (objects->states[n] == PART_MISSING) {
			say_missing(objects, use);
		} else if (of->erased != 0 && told != of->erased) {
			told = of->erased;
			audit_found(audit, AUDIT_NOT_ERASED, of->erased - 1, "the record erased the case, and content of it is still there");
		}
	}
}

/* --- files of nobody ---------------------------------------------------------------------------------------------------------------------------------------------- */

static void count_strays(struct objects *objects)
{
	struct audit *audit = objects->audit;
	char folder[3], first[NAME_SIZE] = "";

	for (unsigned i = 0; i < 256; i++) {
		int fd = -1;
		AUDIT_CLEAN_DIR DIR *dir = NULL;
		struct dirent *each = NULL;

		(void)snprintf(folder, sizeof folder, "%02x", i);
		fd = openat(objects->vault_fd, folder, DIRECTORY_FLAGS | O_NOFOLLOW);
		dir = fd < 0 ? NULL : fdopendir(fd);
		while (dir != NULL && (each = readdir(dir)) != NULL) {
			uint8_t hash[AUDIT_HASH_BYTES];
			bool known = strlen(each->d_name) + 1 == NAME_SIZE && frame_hex((const uint8_t *)each->d_name, hash, sizeof hash) &&
			             find_use(objects, hash) != NULL;

			if (!known && each->d_name[0] != '.') {
				audit->figures.stray++;
				if (first[0] == '\0') {
					(void)snprintf(first, sizeof first, "%s", each->d_name);
				}
			}
		}
	}
	if (audit->figures.stray > 0) {
		audit_found(audit, AUDIT_STRAY, AUDIT_NO_INDEX, "files in the vault that no record names: %ju, the first is %s", audit->figures.stray, first);
	}
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------------------------------------------- */

static void cleanup_objects(struct objects *objects)
{
	audit_clean_fd(&objects->vault_fd);
	audit_clean_fd(&objects->archive_fd);
	audit_clean_fd(&objects->keys_fd);
	free(objects->firsts);
	free(objects->states);
	(void)pthread_mutex_destroy(&objects->lock);
}

static bool open_all(struct objects *objects)
{
	struct audit *audit = objects->audit;
	uint8_t hash[AUDIT_HASH_BYTES];

	(void)mbedtls_sha256_ret((const uint8_t *)audit->source.origin, strlen(audit->source.origin), hash, 0);
	frame_to_hex(hash, 8, objects->origin_id);
	objects->vault_fd = openat(audit->source.data_fd, "vault", DIRECTORY_FLAGS);
	objects->keys_fd = openat(audit->source.data_fd, "keys", DIRECTORY_FLAGS);
	if (audit->settings.archive_dir != NULL) {
		AUDIT_CLEAN_FD int fd = open(audit->settings.archive_dir, DIRECTORY_FLAGS);

		objects->archive_fd = fd < 0 ? -1 : openat(fd, "vault", DIRECTORY_FLAGS);
		if (objects->archive_fd < 0) {
			audit_found(audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "the archive cannot be read: %s", strerror(errno));
		}
	}
	if (objects->vault_fd < 0 && audit->use_count > 0) {
		audit_found(audit, AUDIT_OBJECT_MISSING, AUDIT_NO_INDEX, "there is no vault/ with the content of %ju objects", audit->figures.objects);
	}
	return objects->vault_fd >= 0;
}

static int collect(struct objects *objects)
{
	struct audit *audit = objects->audit;

	qsort(audit->uses, audit->use_count, sizeof *audit->uses, by_hash);
	objects->firsts = calloc(audit->use_count + 1, sizeof *objects->firsts);
	objects->states = calloc(audit->use_count + 1, sizeof *objects->states);
	if (objects->firsts == NULL || objects->states == NULL) {
		return -1;
	}
	for (size_t i = 0; i < audit->use_count; i++) {
		if (i == 0 || memcmp(audit->uses[i].hash, audit->uses[i - 1].hash, AUDIT_HASH_BYTES) != 0) {
			objects->firsts[objects->count++] = i;
		}
	}
	return 0;
}

int audit_objects(struct audit *audit)
{
	__attribute__((cleanup(
	    cleanup_objects))) struct objects objects = { .audit = audit, .vault_fd = -1, .archive_fd = -1, .keys_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

	say_cases(audit);
	if (!open_all(&objects)) {
		return 0;
	}
	if (audit->use_count > 0 && (collect(&objects) != 0 || audit_parallel(audit, objects.count, check_part, &objects) != 0)) {
		return -1;
	}
	judge_parts(&objects);
	count_strays(&objects);
	audit->figures.objects_read = true;
	audit->figures.parts = objects.parts;
	audit->figures.object_bytes = objects.bytes;
	if (objects.keys_fd >= 0) {
		audit->figures.keys_read = true;
		check_keys(&objects);
	}
	return 0;
}
