/* One case in the guest: its parameters, its verbs objects, its progress. */
#ifndef SLUICE_TESTS_INTEROP_GUEST_CASE_H_
#define SLUICE_TESTS_INTEROP_GUEST_CASE_H_

#include "agent.h"
#include "pattern.h"

enum operation { SEND, SEND_IMM, WRITE, WRITE_IMM, READ, FADD, CSWAP, OPERATIONS };

struct test_case {
  struct channel* channel;
  struct ibv_context* device;
  /* As the `run` line has them. */
  unsigned long long id, seed;
  enum ibv_qp_type service;
  enum operation op;
  int initiator, family;
  uint32_t size, count, depth, mtu, qps, psn;
  uint32_t timeout, retry, rnr_retry, min_rnr, rd_atomic, delay_ms;
  int lossy; /* messages may be missing: each that arrives must be whole and is counted */
  /* What must go wrong, and how the first request of the initiator ends then (enum ibv_wc_status);
   * 0: nothing goes wrong. */
  uint32_t expect;
  int bad_rkey;      /* the initiator names a region that there is not */
  int short_receive; /* the target's receives are one byte too short */
  int no_receive;    /* the target never posts one */

  struct ibv_pd* pd;
  struct ibv_comp_channel* events;
  struct ibv_cq* cq;
  struct ibv_mr* mr;
  struct ibv_ah* ah;
  struct ibv_qp* qp[MAX_QPS];
  uint8_t* memory;
  size_t stride, bytes;
  union ibv_gid gid, peer_gid;
  int gid_index;
  uint64_t peer_va;
  uint32_t peer_rkey, peer_qpn[MAX_QPS], peer_psn;

  uint32_t posted[MAX_QPS], completed[MAX_QPS];
  uint64_t word[MAX_QPS]; /* atomics: what the target's word must be now */
  uint64_t finished;      /* completions of all queue pairs that count */
  int failed_as_expected;
  size_t errors;  /* wrong bytes, lengths, immediates */
  char text[256]; /* the first thing that went wrong */
};

static inline int is_atomic(const struct test_case* c) { return c->op == FADD || c->op == CSWAP; }
/* Whether each message takes a receive of the target. */
static inline int takes_receive(const struct test_case* c) {
  return c->op == SEND || c->op == SEND_IMM || c->op == WRITE_IMM;
}
static inline uint8_t* slot(const struct test_case* c, uint32_t q, uint32_t m) {
  return c->memory + ((size_t)q * c->count + m) * c->stride;
}
static inline uint8_t* message(const struct test_case* c, uint32_t q, uint32_t m) {
  return slot(c, q, m) + interop_start(m, is_atomic(c));
}

/* setup.c: verbs objects. 0, or -1 with the reason in `text`. */
int case_create(struct test_case* c);
int case_connect(struct test_case* c);
void case_destroy(struct test_case* c);
/* Notes the first thing that went wrong; returns -1. */
int case_wrong(struct test_case* c, const char* format, ...) __attribute__((format(printf, 2, 3)));

/* traffic.c */
void case_prepare_memory(struct test_case* c);
int case_post_receives(struct test_case* c);
int case_post_requests(struct test_case* c);
/* Takes completions until `goal` are finished; 0 then, -1 when something failed, 1 when the host
 * says something (its line is in `line`) or time runs out. */
int case_progress(struct test_case* c, uint64_t goal, char* line, int milliseconds);
/* The memory as a whole, when nothing more may arrive; counts into `errors`. */
void case_verify(struct test_case* c);

#endif /* SLUICE_TESTS_INTEROP_GUEST_CASE_H_ */
