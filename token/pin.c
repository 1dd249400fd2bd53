#include "pin.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcrypto.h"
#include "../appliance/base/err.h"

#define PAGE_BYTES 4096

int pin_open(struct pin *pin)
{
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		return ERR_MEMORY;
	}
	/* Best effort: without the right to lock memory the box still works, and READY tells that memory is not locked. */
	(void)mlock(page, PAGE_BYTES);
	(void)madvise(page, PAGE_BYTES, MADV_DONTDUMP);
	memset(pin, 0, sizeof *pin);
	if (RAND_bytes(pin->key, sizeof pin->key) != 1) {
		(void)munmap(page, PAGE_BYTES);
		return ERR_SYSTEM;
	}
	pin->page = page;
	return 0;
}

void pin_close(struct pin *pin)
{
	if (pin->page != NULL) {
		pin_wipe(pin);
		(void)munmap(pin->page, PAGE_BYTES);
	}
	explicit_bzero(pin, sizeof *pin);
}

void pin_wipe(struct pin *pin)
{
	explicit_bzero(pin->page, PAGE_BYTES);
	pin->length = 0;
}

static int finish(struct pin *pin)
{
	if (pin->length > 0 && pin->page[pin->length - 1] == '\n') {
		pin->page[--pin->length] = '\0';
	}
	if (pin->length > 0 && pin->page[pin->length - 1] == '\r') {
		pin->page[--pin->length] = '\0';
	}
	if (pin->length == 0 || memchr(pin->page, 0, pin->length) != NULL) {
		pin_wipe(pin);
		return ERR_FORMAT;
	}
	return 0;
}

int pin_read(struct pin *pin, int fd)
{
	for (;;) {
		/* Room for the longest PIN, a CR LF, and one byte that shows it to be too long. */
		ssize_t done = read(fd, pin->page + pin->length, PIN_MAX_BYTES + 3 - pin->length);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0 && errno == EAGAIN) {
			return ERR_AGAIN;
		}
		if (done < 0) {
			pin_wipe(pin);
			return ERR_SYSTEM;
		}
		if (done == 0) {
			return finish(pin);
		}
		pin->length += (size_t)done;
		if (pin->length > PIN_MAX_BYTES + 2) {
			pin_wipe(pin);
			return ERR_LIMIT;
		}
	}
}

static void digest(const struct pin *pin, uint8_t ret[32])
{
	unsigned length = 0;

	if (HMAC(EVP_sha256(), pin->key, sizeof pin->key, (const unsigned char *)pin->page, pin->length, ret, &length) == NULL) {
		memset(ret, 0, 32);
	}
}

void pin_note_refused(struct pin *pin)
{
	digest(pin, pin->refused[pin->refused_next]);
	pin->refused_next = (pin->refused_next + 1) % PIN_REFUSED_MAX;
	pin->refused_count += pin->refused_count < PIN_REFUSED_MAX;
}

bool pin_was_refused(const struct pin *pin)
{
	uint8_t now[32];

	digest(pin, now);
	for (size_t i = 0; i < pin->refused_count; i++) {
		if (CRYPTO_memcmp(now, pin->refused[i], sizeof now) == 0) {
			return true;
		}
	}
	return false;
}
