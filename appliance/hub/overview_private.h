/* overview_private.h - what the parts of the overview have in common: overview_data.c collects, overview_state.c tells how the box is, overview_page.c,
 * overview_case.c and overview_box.c write HTML, overview_names.c knows the names of files, overview.c decides when. */
#ifndef HUB_OVERVIEW_PRIVATE_H
#define HUB_OVERVIEW_PRIVATE_H

#include <stdio.h>

#include "attention.h"
#include "disk.h"
#include "facts.h"
#include "overview.h"

#define OVERVIEW_PERSON_MAX 100 /* rows shown of each list; a line says how many more there are */
#define OVERVIEW_WORK_MAX 100
#define OVERVIEW_CLOSED_MAX 100
#define OVERVIEW_CLOSED_DAYS 7
#define OVERVIEW_TASKS_MAX 64
#define OVERVIEW_CERTIFICATES_MAX CONFIG_KEYS_MAX
#define OVERVIEW_CERTIFICATE_DAYS FACT_CERTIFICATE_DAYS
#define OVERVIEW_TEXT_BYTES 1536 /* a certificate with all that is to be compared */
#define OVERVIEW_NAMES_MAX_BYTES (8U * 1024 * 1024)

/* Cases in the order in which they are shown; `total` counts those beyond the most too. */
struct overview_list {
	const struct hub_case **cases;
	size_t count, total;
};

struct overview_task {
	enum attention_who who;
	char text[OVERVIEW_TEXT_BYTES]; /* translated, not escaped */
};

struct overview_certificate {
	struct fact_key key;
	int64_t days; /* whole days left, negative when it is over */
};

/* What one page shows, taken from the hub at one moment. Zero-initialise; overview_free when done. */
struct overview {
	const struct hub *hub;
	int64_t now_ms;     /* UTC */
	uint64_t mono_ms;   /* the same moment, for what the hub plans */
	const char *reason; /* why nothing is worked on, untranslated; "" when it is */
	struct overview_list person, work, closed;
	size_t closed_wrong;   /* of closed.total: not accepted */
	size_t closed_partial; /* of closed.total: accepted in part */
	struct overview_task tasks[OVERVIEW_TASKS_MAX];
	size_t task_count;
	struct overview_certificate certificates[OVERVIEW_CERTIFICATES_MAX];
	size_t certificate_count;
	struct disk_place disks[DISK_PLACES_MAX];
	size_t disk_count;
	const struct hub_case **places; /* behind the lists */
};

/* --- overview_data.c --- */
/* 0 or ERR_MEMORY. */
int overview_collect(const struct hub *hub, int64_t now_ms, struct overview *ret);
void overview_free(struct overview *overview);

/* --- overview_state.c: certificates, disks, and the tasks that belong to no case --- */
void overview_collect_state(struct overview *overview);
/* As people know it. */
const char *overview_partner_label(const struct overview *overview, const struct hub_partner *partner);
/* UTC of a deadline of the hub; 0 when it is over. */
int64_t overview_moment(const struct overview *overview, uint64_t mono_ms);

/* --- overview_names.c --- */
/* Asks the store for the names of all cases where the configuration wants them. True when there is nothing to wait for. */
bool overview_names_ready(struct hub *hub);
/* They are to be asked for again. */
void overview_names_stale(void);
/* "" while it is not known, or not to be shown. */
const char *overview_name(const char *number);
/* The text of the store, "case TAB name LF", is taken over. */
int overview_names_load(char *text, size_t length);

/* --- overview_page.c --- */
/* The whole page. `stamp`: with its time; without, two pages that show the same are the same bytes. */
void overview_write(FILE *page, const struct overview *overview, bool stamp);
extern const char overview_style[];

/* --- overview_html.c --- */
/* Escaped. */
void html_text(FILE *page, const char *text);
/* printf of a translated format, escaped as a whole. */
void html_format(FILE *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The beginning of an address below the folder of the page, percent-encoded (RFC 3986, 2.1). */
void html_address(FILE *page, const char *path);
/* "22. 11. 2026 08:05", Czech time. */
void html_time(FILE *page, int64_t utc_ms);
void format_moment(int64_t utc_ms, char *ret, size_t size);

/* --- overview_case.c --- */
void overview_write_case(FILE *page, const struct overview *overview, const struct hub_case *each);

/* --- overview_box.c --- */
/* The part that tells how the box is. */
void overview_write_box(FILE *page, const struct overview *overview);

#endif
