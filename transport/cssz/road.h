/* road.h - the two machine interfaces of VREP that carry the same message (spec/cssz 2, 11): POX, the bare GovTalk envelope posted to an address for submissions or
 * to one for questions, and WS, SOAP posted to one address. Option `road` chooses. */
#ifndef TRANSPORT_CSSZ_ROAD_H
#define TRANSPORT_CSSZ_ROAD_H

#include "envelope.h"
#include "soap.h"

struct road {
	bool soap;
	bool enveloped;              /* the message stands in a GovTalk envelope: always on POX, on WS where ws-body says so */
	struct soap_request request; /* refers to the envelope, which must outlive it */
};

/* 0, or a failure that is told when the options name no road, or none that can be gone. */
int road_check(struct job *job);
/* What stands before and behind the Message of a request (of a question: the whole request, both together). What the options or parameters lack is told in
 * job->reason; other failures are those of writing. */
int road_begin(struct job *job, int fd, const struct envelope *envelope, struct road *ret);
int road_end(int fd, const struct road *road);
/* Method, path, headers and limits of the request into the result. */
int road_tell_outside(struct job *job, enum envelope_kind kind);

#endif
