#include "proxy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"

static void url_cleanup(CURLU **url)
{
	curl_url_cleanup(*url);
}

bool proxy_read_secret(int fd, char *ret, size_t size)
{
	ssize_t length = fd < 0 ? -1 : fd_read_full(fd, ret, size);
	bool good = false;

	if (length > 0 && (size_t)length < size) {
		ret[length] = '\0';
		ret[strcspn(ret, "\r\n")] = '\0';
		good = ret[0] != '\0';
	}
	if (!good) {
		explicit_bzero(ret, size);
	}
	return good;
}

static int take_numbered(struct span settings, const char *name, proxy_take_fd take, void *context)
{
	uint64_t number = 0;

	return lines_find_u64(settings, name, &number) ? take(context, (size_t)number) : -1;
}

static bool copy_part(CURLU *url, CURLUPart part, unsigned flags, char *ret, size_t size)
{
	char *value = NULL;
	bool good = curl_url_get(url, part, &value, flags) == CURLUE_OK && strlen(value) < size;

	if (good) {
		(void)snprintf(ret, size, "%s", value);
	}
	curl_free(value);
	return good;
}

/* Takes a login that stands in the address out of it. */
static bool read_address(struct proxy *proxy, const char *text)
{
	_cleanup_(url_cleanup) CURLU *url = curl_url();
	char host[256], port[16];

	if (url == NULL || curl_url_set(url, CURLUPART_URL, text, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
	    !copy_part(url, CURLUPART_HOST, 0, host, sizeof host)) {
		return false;
	}
	/* curl_url takes a missing scheme for https, or guesses one by the name of the host: it was said only when it stands there. */
	if (strstr(text, "://") != NULL && strncasecmp(text, "http://", strlen("http://")) != 0) {
		return false;
	}
	if (!copy_part(url, CURLUPART_PORT, 0, port, sizeof port)) {
		(void)snprintf(port, sizeof port, "80");
	}
	if (copy_part(url, CURLUPART_USER, CURLU_URLDECODE, proxy->user, sizeof proxy->user)) {
		(void)copy_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, proxy->password, sizeof proxy->password);
	}
	return snprintf(proxy->url, sizeof proxy->url, "http://%s:%s", host, port) < (int)sizeof proxy->url;
}

void proxy_read(struct proxy *ret, struct span settings, proxy_take_fd take, void *context)
{
	char address[PROXY_URL_MAX_BYTES + 2 * PROXY_LOGIN_MAX_BYTES];
	struct span ignored;
	_cleanup_close_ int address_fd = -1;
	_cleanup_close_ int password_fd = -1;

	*ret = (struct proxy){ .configured = lines_find(settings, "proxy", &ignored) };
	if (!ret->configured) {
		return;
	}
	address_fd = take_numbered(settings, "proxy-fd", take, context);
	password_fd = take_numbered(settings, "proxy-password-fd", take, context);
	(void)lines_find_string(settings, "no-proxy", ret->exceptions, sizeof ret->exceptions);
	ret->usable = !lines_find(settings, "proxy-fault", &ignored) && proxy_read_secret(address_fd, address, sizeof address) && read_address(ret, address);
	explicit_bzero(address, sizeof address);
	if (ret->usable && lines_find_string(settings, "proxy-user", ret->user, sizeof ret->user)) {
		ret->usable = proxy_read_secret(password_fd, ret->password, sizeof ret->password);
	}
	if (!ret->usable) {
		log_error("the settings of the proxy cannot be used: nothing is sent until they are right");
	}
}

/* --- what goes past the proxy --- */

static bool parse_address(const char *text, int *ret_family, uint8_t ret[16])
{
	*ret_family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	return inet_pton(*ret_family, text, ret) == 1;
}

/* "10.0.0.0/8", or an address alone. */
static bool network_holds(const char *network, const char *host)
{
	uint8_t wanted[16], given[16];
	char address[64];
	const char *slash = strchr(network, '/');
	size_t length = slash == NULL ? strlen(network) : (size_t)(slash - network);
	int family = 0, other = 0;
	uint64_t bits = 0;

	if (length >= sizeof address) {
		return false;
	}
	memcpy(address, network, length);
	address[length] = '\0';
	if (!parse_address(address, &family, wanted) || !parse_address(host, &other, given) || family != other) {
		return false;
	}
	bits = family == AF_INET ? 32 : 128;
	if (slash != NULL) {
		uint64_t asked = 0;

		if (!span_parse_u64(span_of_string(slash + 1), &asked) || asked > bits) {
			return false;
		}
		bits = asked;
	}
	for (uint64_t i = 0; i < bits; i++) {
		if (((wanted[i / 8] ^ given[i / 8]) & (0x80U >> (i % 8))) != 0) {
			return false;
		}
	}
	return true;
}

/* The name itself and all below it; a leading dot says the same. */
static bool domain_holds(const char *domain, const char *host)
{
	size_t have = strlen(host), want = 0;

	domain += domain[0] == '.' ? 1 : 0;
	want = strlen(domain);
	return want > 0 && want <= have && strcasecmp(host + have - want, domain) == 0 && (want == have || host[have - want - 1] == '.');
}

bool proxy_excepts(const char *exceptions, const char *host)
{
	while (*exceptions != '\0') {
		char each[256];
		size_t length = strcspn(exceptions, ", ");

		if (length > 0 && length < sizeof each) {
			memcpy(each, exceptions, length);
			each[length] = '\0';
			if (strcmp(each, "*") == 0 || domain_holds(each, host) || network_holds(each, host)) {
				return true;
			}
		}
		exceptions += length + strspn(exceptions + length, ", ");
	}
	return false;
}

bool proxy_applies(const struct proxy *proxy, const char *url)
{
	_cleanup_(url_cleanup) CURLU *parsed = curl_url();
	char host[256];
	size_t length = 0;

	if (!proxy->configured) {
		return false;
	}
	if (parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK || !copy_part(parsed, CURLUPART_HOST, 0, host, sizeof host)) {
		return true; /* never past the proxy by mistake */
	}
	length = strlen(host);
	if (host[0] == '[' && length > 2) {
		memmove(host, host + 1, length - 2);
		host[length - 2] = '\0';
	}
	return !proxy_excepts(proxy->exceptions, host);
}
