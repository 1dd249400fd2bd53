/* The fingerprint of any bytes (job.h, kind `digest`). */
#include "../../appliance/base/err.h"
#include "digest.h"
#include "partner.h"

struct count {
	EVP_MD_CTX *digest;
	uint64_t size;
};

static int on_counted(void *context, struct span bytes)
{
	struct count *count = context;

	count->size += bytes.length;
	return digest_feed(count->digest, bytes);
}

int job_digest(struct job *job)
{
	_cleanup_digest_ EVP_MD_CTX *digest = digest_new("SHA256");
	struct count count = { .digest = digest };
	char sha256[DIGEST_HEX_SIZE];
	int err = digest == NULL ? ERR_MEMORY : job_each_chunk(job_input(job, 1), JOB_STREAM_MAX_BYTES, on_counted, &count);

	err = err != 0 ? err : digest_hex(digest, sha256);
	if (err != 0) {
		return job_fail(job, err, "the bytes cannot be read");
	}
	lines_set(&job->result, "sha256", sha256);
	lines_set_u64(&job->result, "size", count.size);
	return 0;
}
