#include "form_page.h"

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/fdio.h"

const char *form_page_title(const struct hub *hub, const struct hub_case *of)
{
	const struct catalogue_form *form = catalogue_form_find(hub->catalogue, of->partner, of->form);

	return form == NULL ? of->form : catalogue_say(hub->catalogue, &form->label);
}

/* A page without them is as true; only harder to read. */
int form_page_labels(const struct hub *hub, const struct hub_case *of)
{
	static char text[FORM_LABELS_MAX_BYTES];
	int length = catalogue_labels_write(hub->catalogue, of->partner, of->form, text, sizeof text);

	return fd_memfd_sealed("labels", text, length < 0 ? 0 : (size_t)length);
}

/* The original flows from the store into a pipe that the job reads. */
static void start(struct work *work, const struct hub_case *of, const char *kind, struct lines *parameters, struct work_input *inputs, size_t count,
                  work_done done)
{
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;

	work_pend(work);
	work->done = done;
	if (fd_pipe(&read_end, &write_end) != 0) {
		work_fail(work, ERR_SYSTEM, "no pipe");
	} else {
		inputs[0] = (struct work_input){ .fd = read_end };
		work_copy(work, of->number, "original", 0, write_end);
		work_job(work, kind, of->partner, parameters, inputs, count, done);
	}
	work_settle(work);
}

void form_page_render(struct work *work, const struct hub_case *of, int to, work_done done)
{
	_cleanup_lines_ struct lines parameters = { 0 };
	_cleanup_close_ int labels = form_page_labels(work->hub, of);
	struct work_input inputs[] = { { .fd = -1 }, { .fd = labels }, { .fd = to } };

	lines_set(&parameters, "case", of->number);
	lines_set(&parameters, "env", of->env);
	lines_set(&parameters, "form", of->form);
	lines_set(&parameters, "language", work->hub->config->language);
	lines_set(&parameters, "title", form_page_title(work->hub, of));
	start(work, of, "render", &parameters, inputs, 3, done);
}

void form_page_digest(struct work *work, const struct hub_case *of, work_done done)
{
	_cleanup_lines_ struct lines parameters = { 0 };
	struct work_input inputs[] = { { .fd = -1 } };

	start(work, of, "digest", &parameters, inputs, 1, done);
}
