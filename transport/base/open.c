/* The kind `open` of job.h: data that came back with an answer, taken apart into items; each as XML that stands alone, and as a page.
 *
 * Options of the form: `items` is the name of the element whose children are the items; absent: the whole is one item, which may come often. `item-id`: the name of the element
 * in an item by which it is told from all others, whatever else is in it; an item without one is told by its canonical form. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "digest.h"
#include "inflate.h"
#include "partner.h"
#include "xmltree.h"

#define OPEN_PACKED_MAX_BYTES (UINT64_C(20) << 20)
#define OPEN_MAX_BYTES (UINT64_C(20) << 20) /* unpacked */
#define OPEN_ITEMS_MAX 5000
#define NAME_SIZE 65
#define LABEL_SIZE 41

struct opened {
	struct job *job;
	uint8_t *packed, *plain;
	size_t packed_length, plain_length;
	struct xmltree *tree;
	struct xmlnode *first; /* of the items, NULL for none */
	bool listed;
	char id_name[NAME_SIZE];
};

static void cleanup_opened(struct opened *opened)
{
	free(opened->packed);
	free(opened->plain);
	xmltree_free(opened->tree);
}

static int unpack(struct opened *opened)
{
	struct span data;
	int err = fd_read_all(job_input(opened->job, 1), OPEN_PACKED_MAX_BYTES, &opened->packed, &opened->packed_length);

	if (err != 0) {
		return job_fail(opened->job, err, err == ERR_LIMIT ? "the data are larger than allowed" : "the data cannot be read");
	}
	data = span_of(opened->packed, opened->packed_length);
	if (inflate_is_gzip(data)) {
		err = inflate_gzip(data, OPEN_MAX_BYTES, &opened->plain, &opened->plain_length);
		data = span_of(opened->plain, opened->plain_length);
	}
	if (err != 0) {
		return job_fail(opened->job, err, err == ERR_LIMIT ? "the data unpack to more than allowed" : "the data are packed and damaged");
	}
	opened->tree = xmltree_read(data, OPEN_MAX_BYTES);
	return opened->tree != NULL ? 0 : job_fail(opened->job, ERR_FORMAT, "the data are no XML");
}

static int find_items(struct opened *opened, uint64_t *ret_count)
{
	struct xmlnode *root = xmltree_root(opened->tree), *list = NULL;
	char name[NAME_SIZE];

	(void)job_parameter(opened->job, "option.items", "", name, sizeof name);
	(void)job_parameter(opened->job, "option.item-id", "", opened->id_name, sizeof opened->id_name);
	*ret_count = 1;
	opened->first = root;
	opened->listed = name[0] != '\0';
	if (!opened->listed) {
		return 0;
	}
	list = xmltree_is(root, name) ? root : xmltree_find(root, name);
	if (list == NULL) {
		return job_fail(opened->job, ERR_FORMAT, "the data hold no list of items");
	}
	opened->first = xmltree_first(list);
	*ret_count = 0;
	for (struct xmlnode *each = opened->first; each != NULL; each = xmltree_next(each)) {
		*ret_count += 1;
	}
	return *ret_count <= OPEN_ITEMS_MAX ? 0 : job_fail(opened->job, ERR_LIMIT, "the data hold too many items");
}

/* What tells this item from all others of this partner. */
static int guard_of(const struct opened *opened, struct xmlnode *item, char ret[DIGEST_HEX_SIZE])
{
	_cleanup_digest_ EVP_MD_CTX *digest = digest_new("SHA256");
	_cleanup_free_ char *id = opened->id_name[0] == '\0' ? NULL : xmltree_text(xmltree_find(item, opened->id_name));
	_cleanup_free_ uint8_t *canonical = NULL;
	struct span what = { 0 };
	size_t length = 0;
	int err = digest == NULL ? ERR_MEMORY : 0;

	if (id != NULL) {
		job_trim(id);
	}
	if (err == 0 && id != NULL && id[0] != '\0') {
		what = span_of_string(id);
	} else if (err == 0) {
		err = xmltree_canonical(opened->tree, item, true, &canonical, &length);
		what = span_of(canonical, length);
	}
	err = err != 0 ? err : digest_feed(digest, span_of_string(opened->job->partner));
	err = err != 0 ? err : digest_feed(digest, span_of_string(canonical == NULL ? "\nid\n" : "\nitem\n"));
	err = err != 0 ? err : digest_feed(digest, what);
	return err != 0 ? err : digest_hex(digest, ret);
}

static int tell_guard(const struct opened *opened, struct xmlnode *item)
{
	char guard[DIGEST_HEX_SIZE], other[DIGEST_HEX_SIZE];
	int err = guard_of(opened, item, guard);

	lines_set(&opened->job->result, "guard", guard);
	for (struct xmlnode *each = opened->first; err == 0 && each != item; each = xmltree_next(each)) {
		err = guard_of(opened, each, other);
		if (err == 0 && strcmp(guard, other) == 0) {
			lines_set(&opened->job->result, "again", "yes");
		}
	}
	return err;
}

static void tell_label(struct job *job, const char *name)
{
	char label[LABEL_SIZE];
	size_t length = 0;

	for (; *name != '\0' && length + 1 < sizeof label; name++) {
		if (isalnum((unsigned char)*name)) {
			label[length++] = *name;
		}
	}
	label[length] = '\0';
	lines_set(&job->result, "label", length > 0 ? label : "item");
}

static int write_xml(struct opened *opened, struct xmlnode *item, int out)
{
	static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
	_cleanup_free_ uint8_t *text = NULL;
	size_t length = 0;
	int err = xmltree_canonical(opened->tree, item, true, &text, &length);

	err = err != 0 ? err : fd_write_all(out, head, sizeof head - 1);
	return err != 0 ? err : fd_write_all(out, text, length);
}

/* As the page of a form is made. */
static int write_page(const struct opened *opened)
{
	struct job *page = calloc(1, sizeof *page);
	int err = ERR_MEMORY;

	if (page == NULL) {
		return err;
	}
	*page = (struct job){ .kind = "render", .partner = opened->job->partner, .parameters = opened->job->parameters, .fd_count = 3 };
	page->fds[0] = job_fd(opened->job, 4);
	page->fds[1] = job_input(opened->job, 2);
	page->fds[2] = job_fd(opened->job, 3);
	err = job_render(page);
	lines_set(&opened->job->result, "whole", lines_get(&page->result, "whole"));
	lines_set(&opened->job->result, "why", lines_get(&page->result, "why"));
	lines_free(&page->result);
	free(page);
	return err;
}

int job_open(struct job *job)
{
	_cleanup_(cleanup_opened) struct opened opened = { .job = job };
	uint64_t n = job_parameter_u64(job, "n", 0), count = 0;
	struct xmlnode *item = NULL;
	int err = unpack(&opened);

	err = err != 0 ? err : find_items(&opened, &count);
	if (err == ERR_FORMAT || err == ERR_LIMIT) { /* of what came: nothing that another try would mend */
		lines_set(&job->result, "broken", job->reason);
		return 0;
	}
	if (err != 0) {
		return err;
	}
	lines_set_u64(&job->result, "count", count);
	if (n >= count) {
		return 0;
	}
	item = opened.first;
	for (uint64_t i = 0; i < n; i++) {
		item = xmltree_next(item);
	}
	tell_label(job, xmltree_name(item));
	err = opened.listed ? tell_guard(&opened, item) : 0;
	err = err != 0 ? err : write_xml(&opened, item, job_fd(job, 4));
	err = err != 0 ? err : write_page(&opened);
	return err == 0 ? 0 : job_fail(job, err, "the item cannot be written");
}
