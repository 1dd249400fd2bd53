#include "errand.h"

#include <errno.h>
#include <unistd.h>

#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"

static pid_t *find_place(struct errands *errands, pid_t pid)
{
	for (size_t i = 0; i < ERRAND_LIVING_MAX; i++) {
		if (errands->living[i] == pid) {
			return &errands->living[i];
		}
	}
	return NULL;
}

bool errands_live(const struct errands *errands)
{
	bool live = false;

	for (size_t i = 0; i < ERRAND_LIVING_MAX; i++) {
		live = live || errands->living[i] != 0;
	}
	return live;
}

void errand_ended(struct errands *errands, pid_t pid)
{
	pid_t *place = find_place(errands, pid);

	if (place != NULL) {
		*place = 0;
	}
}

/* Hub and reply always; then the body, then the store's link, each where the message says that there is one. */
static bool take_descriptors(struct wire_message *message, struct errand_start *start)
{
	struct span ignored;
	size_t next = 2;
	bool linked = lines_find(start->lines, "tls-key", &ignored);

	if (message->fd_count != next + (start->size > 0 ? 1U : 0U) + (linked ? 1U : 0U)) {
		return false;
	}
	start->hub = wire_take_fd(message, 0);
	start->reply = wire_take_fd(message, 1);
	start->body = start->size > 0 ? wire_take_fd(message, next++) : -1;
	start->store = linked ? wire_take_fd(message, next) : -1;
	return true;
}

void errand_start(struct errands *errands, struct wire_message *message, const struct proxy *proxy, const struct sandbox_filter *narrow)
{
	struct errand_start start = {
		.lines = wire_span(message, WIRE_F_LINES),
		.size = wire_number(message, WIRE_F_SIZE, 0),
		.parent = getpid(),
		.logins = &errands->logins,
		.proxy = proxy,
		.narrow = narrow,
	};
	pid_t *place = find_place(errands, 0);
	pid_t pid = 0;

	if (place == NULL) {
		log_warning("an errand is refused: too many at once");
		return;
	}
	pid = fork();
	if (pid == 0) {
		if (!take_descriptors(message, &start)) {
			_exit(1);
		}
		errand_run(&start);
	}
	if (pid < 0) {
		log_error("an errand is refused: fork: errno %d", errno);
		return;
	}
	*place = pid;
}
