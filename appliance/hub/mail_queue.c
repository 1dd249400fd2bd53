/* mail_queue.c - the queue and its file: a line per thing, the number of messages at the end, so that half a file is never taken for a whole one.
 *
 *   podatelna-mail 1
 *   cursor INDEX
 *   digest YYYYMMDD
 *   told CERTIFICATE DAYS            what was told of a certificate (mail_certificates.c)
 *   case|digest|certificates|disks INDEX NUMBER|- STATE TIME NEXT TRIES ADDRESS
 *   end COUNT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "mail_private.h"

#define STATE_FILE "state"
#define STATE_NEW "state.new"
#define STATE_BROKEN "state.broken"
#define STATE_MAX_BYTES (MAIL_ITEMS_MAX * 400U)
#define FIRST_LINE "podatelna-mail 1"

static const char *const kinds[] = { [MAIL_CASE] = "case", [MAIL_DIGEST] = "digest", [MAIL_CERTIFICATES] = "certificates", [MAIL_DISKS] = "disks" };

static bool read_number(struct span *line, uint64_t *ret)
{
	struct span word;

	return span_read_until(line, ' ', &word) && span_parse_u64(word, ret);
}

static bool read_word(struct span *line, char *ret, size_t size)
{
	struct span word;

	return span_read_until(line, ' ', &word) && span_copy_string(word, ret, size);
}

static bool read_item(struct span line, struct mail_item *ret)
{
	struct mail_item item = { 0 };
	char kind[16], state[32];
	uint64_t at = 0, next = 0, tries = 0;

	if (!read_word(&line, kind, sizeof kind) || !read_number(&line, &item.index) || !read_word(&line, item.number, sizeof item.number) ||
	    !read_word(&line, state, sizeof state) || !read_number(&line, &at) || !read_number(&line, &next) || !read_number(&line, &tries) || at > INT64_MAX ||
	    next > INT64_MAX || tries > UINT32_MAX || !span_copy_string(line, item.to, sizeof item.to) || !config_address_valid(item.to)) {
		return false;
	}
	item.kind = strcmp(kind, kinds[MAIL_DIGEST]) == 0         ? MAIL_DIGEST
	            : strcmp(kind, kinds[MAIL_CERTIFICATES]) == 0 ? MAIL_CERTIFICATES
	            : strcmp(kind, kinds[MAIL_DISKS]) == 0        ? MAIL_DISKS
	                                                          : MAIL_CASE;
	item.state = state_by_name(state);
	item.time_ms = (int64_t)at;
	item.next_ms = (int64_t)next;
	item.tries = (uint32_t)tries;
	*ret = item;
	return item.kind != MAIL_CASE || (strcmp(kind, kinds[MAIL_CASE]) == 0 && item.state != CASE_NONE);
}

static bool read_named(struct span *rest, const char *name, uint64_t *ret)
{
	struct span line, word;

	return span_read_until(rest, '\n', &line) && span_read_until(&line, ' ', &word) && span_equals_string(word, name) && span_parse_u64(line, ret);
}

static bool read_told(struct span line, struct mail_told *ret)
{
	struct span word;
	uint64_t threshold = 0;

	if (!span_read_until(&line, ' ', &word) || !read_word(&line, ret->certificate, sizeof ret->certificate) || !span_parse_u64(line, &threshold) ||
	    threshold > UINT32_MAX) {
		return false;
	}
	ret->threshold = (uint32_t)threshold;
	return true;
}

static bool read_state(struct mail *mail, struct span text)
{
	struct span line;
	uint64_t day = 0, count = 0;

	if (!span_read_until(&text, '\n', &line) || !span_equals_string(line, FIRST_LINE) || !read_named(&text, "cursor", &mail->cursor) ||
	    !read_named(&text, "digest", &day) || day > UINT32_MAX) {
		return false;
	}
	mail->digest_day = (uint32_t)day;
	while (span_starts_with(text, "told ")) {
		if (!span_read_until(&text, '\n', &line) || mail->told_count == MAIL_TOLD_MAX || !read_told(line, &mail->told[mail->told_count])) {
			return false;
		}
		mail->told_count++;
	}
	while (!span_starts_with(text, "end ")) {
		if (mail->count == MAIL_ITEMS_MAX || !span_read_until(&text, '\n', &line) || !read_item(line, &mail->items[mail->count])) {
			return false;
		}
		mail->count++;
	}
	return read_named(&text, "end", &count) && count == mail->count && span_is_empty(text);
}

int mail_load(struct mail *mail)
{
	_cleanup_free_ uint8_t *text = NULL;
	_cleanup_close_ int fd = -1;
	size_t length = 0;

	mail->directory = open(mail->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mail->directory < 0) {
		log_error("%s cannot be opened: %s; no e-mail is sent", mail->config->state_dir, strerror(errno));
		return ERR_SYSTEM;
	}
	fd = openat(mail->directory, STATE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	mail->fresh = fd < 0;
	if (fd < 0) {
		return errno == ENOENT ? 0 : ERR_SYSTEM;
	}
	if (fd_read_all(fd, STATE_MAX_BYTES, &text, &length) != 0 || !read_state(mail, span_of(text, length))) {
		log_error("%s/" STATE_FILE " is damaged: it is kept as " STATE_BROKEN ", and what was to be told by e-mail is lost", mail->config->state_dir);
		(void)renameat(mail->directory, STATE_FILE, mail->directory, STATE_BROKEN);
		mail->count = mail->told_count = 0;
		mail->fresh = true;
		mail->given_up++;
	}
	return 0;
}

static char *write_state(const struct mail *mail, size_t *ret_length)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, ret_length);

	if (to == NULL) {
		return NULL;
	}
	(void)fprintf(to, FIRST_LINE "\ncursor %llu\ndigest %u\n", (unsigned long long)mail->cursor, mail->digest_day);
	for (size_t i = 0; i < mail->told_count; i++) {
		(void)fprintf(to, "told %s %u\n", mail->told[i].certificate, mail->told[i].threshold);
	}
	for (size_t i = 0; i < mail->count; i++) {
		const struct mail_item *item = &mail->items[i];

		(void)fprintf(to, "%s %llu %s %s %lld %lld %u %s\n", kinds[item->kind], (unsigned long long)item->index,
		              item->kind == MAIL_CASE ? item->number : "-", state_name(item->state), (long long)item->time_ms, (long long)item->next_ms,
		              item->tries, item->to);
	}
	(void)fprintf(to, "end %zu\n", mail->count);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

int mail_save(struct mail *mail)
{
	size_t length = 0;
	_cleanup_free_ char *text = write_state(mail, &length);
	_cleanup_close_ int fd = openat(mail->directory, STATE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (text == NULL || fd < 0 || fd_write_all(fd, text, length) != 0 || fdatasync(fd) != 0 ||
	    renameat(mail->directory, STATE_NEW, mail->directory, STATE_FILE) != 0 || fsync(mail->directory) != 0) {
		log_error("%s cannot be written: %s", mail->config->state_dir, strerror(errno));
		return ERR_SYSTEM;
	}
	mail->dirty = false;
	return 0;
}

void mail_add(struct mail *mail, const struct mail_item *item)
{
	mail->dirty = true;
	if (mail->count == MAIL_ITEMS_MAX) {
		mail->given_up++;
		log_error("%s: an e-mail is given up: %d are waiting already", item->number, MAIL_ITEMS_MAX);
		return;
	}
	mail->items[mail->count++] = *item;
}

void mail_remove(struct mail *mail, size_t n)
{
	mail->count--;
	memmove(&mail->items[n], &mail->items[n + 1], (mail->count - n) * sizeof mail->items[0]);
	mail->dirty = true;
}
