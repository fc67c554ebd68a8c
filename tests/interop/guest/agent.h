/* The agent in the guest: the other end of every case, over libibverbs and the kernel's rdma_rxe.
 *
 * It speaks lines of words `key=value` on a virtio-serial port. A case goes so:
 *   host   run id= service= op= role= size= count= depth= mtu= family= qps= seed= psn= ...
 *   guest  at id= gid= va= rkey= qpn= psn=          the first queue pair's numbers; the others
 * follow by one host   go id= gid= va= rkey= qpn=a,b,.. psn=    the guest connects, posts receives
 *   guest  ready id=
 *   host   start id=                                only when the guest is the initiator
 *   host   done id=                                 only when the guest is the target: the host has
 * finished guest  result id= ok=0|1 completed= text=... `stop id=` ends a case at any time (result
 * ok=0). Beside cases: `ping id=` -> `result`, and `shell id= COMMAND` -> its output as lines `|
 * ...`, then `result`.
 */
#ifndef SLUICE_TESTS_INTEROP_GUEST_AGENT_H_
#define SLUICE_TESTS_INTEROP_GUEST_AGENT_H_

#include <infiniband/verbs.h>
#include <stdint.h>

enum { LINE_LENGTH = 2048, MAX_QPS = 32 };

/* The port to the host. */
struct channel {
  int fd;
  size_t filled;
  char buffer[LINE_LENGTH];
};
/* The next whole line, waiting up to `milliseconds`; 0 when there is none. */
int channel_line(struct channel* channel, char* line, int milliseconds);
void channel_say(struct channel* channel, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value of `key` in a line of words, or `otherwise`; of a list of numbers the one at `index`.
 */
unsigned long long number_of(const char* line, const char* key, unsigned index,
                             unsigned long long otherwise);
const char* text_of(const char* line, const char* key, char* value, size_t room);

/* Runs one case that begins with `line`; says its result on the channel. */
void case_run(struct channel* channel, struct ibv_context* device, const char* line);

#endif /* SLUICE_TESTS_INTEROP_GUEST_AGENT_H_ */
