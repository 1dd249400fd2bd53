/* announce.c - job `announce`: a person has a new signing certificate; is it one that can be announced to the partner, and what does the message look like? */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "certificates.h"
#include "partner.h"
#include "signer.h"

#define TEMPLATE_MAX_BYTES 8192
#define PLACE "{certificate}"

/* A stable word for what is wrong; "" when nothing is. */
static const char *cause_of(X509 *cert, const char *qualified, time_t now)
{
	if (X509_cmp_time(X509_get0_notAfter(cert), &now) <= 0) {
		return "over";
	}
	if (X509_cmp_time(X509_get0_notBefore(cert), &now) >= 0) {
		return "not-yet";
	}
	if ((X509_get_key_usage(cert) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
		return "not-for-signing";
	}
	return strcmp(qualified, "yes") == 0 && !certificates_is_qualified(cert) ? "not-qualified" : "";
}

static int write_text(int fd, const char *text, size_t length)
{
	return fd_write_all(fd, text, length);
}

/* The template with the certificate, base64 of its DER, at every place that it names. */
static int write_message(struct job *job, X509 *cert, const char *template)
{
	unsigned char *der = NULL;
	int length = i2d_X509(cert, &der);
	_cleanup_free_ unsigned char *text = length > 0 ? malloc((size_t)(length + 2) / 3 * 4 + 1) : NULL;
	int err = text == NULL ? ERR_MEMORY : 0, written = err != 0 ? 0 : EVP_EncodeBlock(text, der, length);
	const char *place = NULL;

	OPENSSL_free(der);
	while (err == 0 && (place = strstr(template, PLACE)) != NULL) {
		err = write_text(job_fd(job, 2), template, (size_t)(place - template));
		err = err != 0 ? err : write_text(job_fd(job, 2), (const char *)text, (size_t)written);
		template = place + strlen(PLACE);
	}
	err = err != 0 ? err : write_text(job_fd(job, 2), template, strlen(template));
	return err == 0 ? 0 : job_fail(job, err, "the message cannot be written");
}

int job_announce(struct job *job)
{
	_cleanup_(certificates_free) struct certificates all = { 0 };
	_cleanup_free_ uint8_t *bytes = NULL;
	char template[TEMPLATE_MAX_BYTES], qualified[8];
	const char *cause = "";
	size_t length = 0;
	int err = fd_read_all(job_input(job, 1), CERTIFICATES_MAX_BYTES, &bytes, &length);

	if (err != 0 && err != ERR_LIMIT) {
		return job_fail(job, err, "the certificate cannot be read");
	}
	(void)job_parameter(job, "option.announce-template", "", template, sizeof template);
	(void)job_parameter(job, "option.announce-qualified", "yes", qualified, sizeof qualified);
	if (err != 0 || certificates_read(span_of(bytes, length), &all) != 0) {
		cause = "no-certificate";
	} else if (all.count != 1) {
		cause = "several";
	} else if (strstr(template, PLACE) == NULL) {
		cause = "no-template";
	} else {
		cause = cause_of(all.certs[0], qualified, time(NULL));
	}
	lines_set(&job->result, "cause", cause);
	if (all.count == 1) {
		certificates_tell(all.certs[0], "cert.0.", &job->result);
	}
	return cause[0] != '\0' ? 0 : write_message(job, all.certs[0], template);
}
