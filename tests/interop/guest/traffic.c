/* What a case moves: posting, completions, the verdict on each byte. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "case.h"

enum { QKEY = 0x11111111 };

static uint64_t milliseconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void case_prepare_memory(struct test_case* c) {
  memset(c->memory, INTEROP_GUARD, c->bytes);
  const int source = c->op == READ ? !c->initiator : c->initiator;
  for (uint32_t q = 0; q < c->qps; ++q) {
    c->word[q] = interop_initial(c->seed, q);
    if (is_atomic(c)) {
      if (!c->initiator) memcpy(message(c, q, 0), &c->word[q], 8);
      continue;
    }
    for (uint32_t m = 0; source && m < c->count; ++m) {
      interop_fill(c->seed, q, m, message(c, q, m), c->size);
    }
  }
}

int case_post_receives(struct test_case* c) {
  const uint32_t head = c->service == IBV_QPT_UD ? INTEROP_GRH : 0;
  for (uint32_t q = 0; q < c->qps; ++q) {
    for (uint32_t m = 0; m < c->count; ++m) {
      struct ibv_sge run = {.addr = (uintptr_t)message(c, q, m) - head,
                            .length = c->size + head - (uint32_t)c->short_receive,
                            .lkey = c->mr->lkey};
      struct ibv_recv_wr request = {.wr_id = m,
                                    .sg_list = &run,
                                    .num_sge = c->op == WRITE_IMM ? 0 : 1},
                         *bad;
      const int error = ibv_post_recv(c->qp[q], &request, &bad);
      if (error != 0) return case_wrong(c, "post_recv: %s", strerror(error));
    }
  }
  return 0;
}

static int post_request(struct test_case* c, uint32_t q, uint32_t m) {
  static const enum ibv_wr_opcode opcodes[] = {IBV_WR_SEND,
                                               IBV_WR_SEND_WITH_IMM,
                                               IBV_WR_RDMA_WRITE,
                                               IBV_WR_RDMA_WRITE_WITH_IMM,
                                               IBV_WR_RDMA_READ,
                                               IBV_WR_ATOMIC_FETCH_AND_ADD,
                                               IBV_WR_ATOMIC_CMP_AND_SWP};
  struct ibv_sge run = {
      .addr = (uintptr_t)message(c, q, m), .length = c->size, .lkey = c->mr->lkey};
  struct ibv_send_wr request = {.wr_id = m,
                                .sg_list = &run,
                                .num_sge = c->size == 0 ? 0 : 1,
                                .opcode = opcodes[c->op],
                                .send_flags = IBV_SEND_SIGNALED,
                                .imm_data = htonl(INTEROP_IMM + m)},
                     *bad;
  const uint64_t remote =
      c->peer_va + ((uint64_t)q * c->count + m) * c->stride + interop_start(m, is_atomic(c));
  const uint32_t rkey = c->bad_rkey ? ~c->peer_rkey : c->peer_rkey;
  if (c->service == IBV_QPT_UD) {
    request.wr.ud.ah = c->ah;
    request.wr.ud.remote_qpn = c->peer_qpn[q];
    request.wr.ud.remote_qkey = QKEY;
  } else if (is_atomic(c)) {
    /* All of them at the one word of this queue pair. */
    request.wr.atomic.remote_addr =
        c->peer_va + (uint64_t)q * c->count * c->stride + interop_start(0, 1);
    request.wr.atomic.rkey = rkey;
    request.wr.atomic.compare_add = interop_operand(c->seed, q, m);
    if (c->op == CSWAP) {
      uint64_t current = interop_initial(c->seed, q);
      for (uint32_t i = 0; i < m; ++i) current = interop_next(c->seed, q, i, 1, current);
      request.wr.atomic.swap = request.wr.atomic.compare_add;
      request.wr.atomic.compare_add = interop_compare(m, current);
    }
  } else {
    request.wr.rdma.remote_addr = remote;
    request.wr.rdma.rkey = rkey;
  }
  const int error = ibv_post_send(c->qp[q], &request, &bad);
  return error == 0 ? 0 : case_wrong(c, "post_send: %s", strerror(error));
}

int case_post_requests(struct test_case* c) {
  for (uint32_t q = 0; q < c->qps; ++q) {
    while (c->posted[q] < c->count && c->posted[q] - c->completed[q] < c->depth) {
      if (post_request(c, q, c->posted[q]) != 0) return -1;
      ++c->posted[q];
    }
  }
  return 0;
}

/* One completion of message m as the receiver of a SEND or an immediate sees it. */
static void check_receive(struct test_case* c, uint32_t q, uint32_t m, const struct ibv_wc* wc) {
  const uint32_t head = c->service == IBV_QPT_UD ? INTEROP_GRH : 0;
  const int with_imm = c->op != SEND;
  uint32_t sent = m;
  if (with_imm != ((wc->wc_flags & IBV_WC_WITH_IMM) != 0)) {
    ++c->errors;
    case_wrong(c, "message %u: immediate expected %d", m, with_imm);
  }
  if (with_imm) {
    const uint32_t imm = ntohl(wc->imm_data);
    if (c->lossy && imm - INTEROP_IMM < c->count) sent = imm - INTEROP_IMM;
    if (imm != INTEROP_IMM + sent) {
      ++c->errors;
      case_wrong(c, "message %u: immediate %#x", m, imm);
    }
  }
  if (wc->byte_len != c->size + head) {
    ++c->errors;
    case_wrong(c, "message %u: %u bytes", m, wc->byte_len);
  }
  /* A WRITE lies where its sender said, a SEND in the receive that it took. */
  const uint32_t at = c->op == WRITE_IMM ? sent : m;
  const size_t errors = interop_errors(c->seed, q, sent, message(c, q, at), c->size);
  c->errors += errors;
  if (errors != 0) case_wrong(c, "message %u: %zu wrong bytes", m, errors);
}

static void check_request(struct test_case* c, uint32_t q, uint32_t m) {
  if (c->op == READ) {
    const size_t errors = interop_errors(c->seed, q, m, message(c, q, m), c->size);
    c->errors += errors;
    if (errors != 0) case_wrong(c, "READ %u: %zu wrong bytes", m, errors);
  } else if (is_atomic(c)) {
    uint64_t got;
    memcpy(&got, message(c, q, m), 8);
    if (got != c->word[q]) {
      ++c->errors;
      case_wrong(c, "atomic %u: original %#llx, expected %#llx", m, (unsigned long long)got,
                 (unsigned long long)c->word[q]);
    }
    c->word[q] = interop_next(c->seed, q, m, c->op == CSWAP, c->word[q]);
  }
}

static int take(struct test_case* c, const struct ibv_wc* wc) {
  uint32_t q = 0;
  while (q < c->qps && c->qp[q]->qp_num != wc->qp_num) ++q;
  if (c->expect != 0) {
    if (!c->initiator || c->failed_as_expected) return 0;
    if (wc->status != c->expect) {
      return case_wrong(c, "completion %llu: %s, expected %s", (unsigned long long)wc->wr_id,
                        ibv_wc_status_str(wc->status), ibv_wc_status_str(c->expect));
    }
    c->failed_as_expected = 1;
    c->finished = (uint64_t)c->qps * c->count;
    return 0;
  }
  if (wc->status != IBV_WC_SUCCESS) {
    return case_wrong(c, "completion %llu of QP %u: %s", (unsigned long long)wc->wr_id, q,
                      ibv_wc_status_str(wc->status));
  }
  const uint32_t m = c->completed[q]++;
  if (q == c->qps || wc->wr_id != m) {
    return case_wrong(c, "completion %llu of QP %u out of order, expected %u",
                      (unsigned long long)wc->wr_id, q, m);
  }
  if (c->initiator) {
    check_request(c, q, m);
  } else {
    check_receive(c, q, m, wc);
  }
  ++c->finished;
  return 0;
}

int case_progress(struct test_case* c, uint64_t goal, char* line, int milliseconds) {
  const uint64_t end = milliseconds_now() + (uint64_t)milliseconds;
  for (;;) {
    struct ibv_wc wc[16];
    int n;
    while ((n = ibv_poll_cq(c->cq, 16, wc)) > 0) {
      for (int i = 0; i < n; ++i) {
        if (take(c, &wc[i]) != 0) return -1;
      }
      if (c->initiator && c->expect == 0 && case_post_requests(c) != 0) return -1;
    }
    if (n < 0) return case_wrong(c, "poll_cq failed");
    if (c->finished >= goal) return 0;
    if (milliseconds_now() >= end) return 1;
    struct ibv_cq* cq;
    void* context;
    unsigned events = 0;
    while (ibv_get_cq_event(c->events, &cq, &context) == 0) ++events;
    if (events != 0) ibv_ack_cq_events(c->cq, events);
    ibv_req_notify_cq(c->cq, 0);
    /* What came between the last poll and the request for an event gives none. */
    n = ibv_poll_cq(c->cq, 1, wc);
    if (n == 1) {
      if (take(c, &wc[0]) != 0) return -1;
      if (c->initiator && c->expect == 0 && case_post_requests(c) != 0) return -1;
      continue;
    }
    struct pollfd wait[2] = {{.fd = c->channel->fd, .events = POLLIN},
                             {.fd = c->events->fd, .events = POLLIN}};
    poll(wait, 2, 100);
    if ((wait[0].revents & POLLIN) != 0 && channel_line(c->channel, line, 0)) return 1;
  }
}

void case_verify(struct test_case* c) {
  for (uint32_t q = 0; q < c->qps; ++q) {
    for (uint32_t m = 0; m < c->count; ++m) {
      const uint8_t* body = message(c, q, m);
      const size_t refused = c->expect != 0 && (c->op == WRITE || c->op == WRITE_IMM);
      size_t size = is_atomic(c) ? (c->initiator || m == 0 ? 8 : 0) : c->size;
      if (refused && !c->initiator) size = 0; /* nothing may have been written */
      const size_t head = c->service == IBV_QPT_UD && !c->initiator ? INTEROP_GRH : 0;
      size_t errors = interop_guard_errors(slot(c, q, m), body - head) +
                      interop_guard_errors(body + size, slot(c, q, m) + c->stride);
      if (c->op == WRITE && !c->initiator && !c->lossy && !refused) {
        errors += interop_errors(c->seed, q, m, body, size);
      }
      c->errors += errors;
      if (errors != 0) case_wrong(c, "slot %u of QP %u: %zu wrong bytes", m, q, errors);
    }
    if (is_atomic(c) && !c->initiator) {
      uint64_t want = interop_initial(c->seed, q), got;
      for (uint32_t m = 0; c->expect == 0 && m < c->count; ++m) {
        want = interop_next(c->seed, q, m, c->op == CSWAP, want);
      }
      memcpy(&got, message(c, q, 0), 8);
      if (got != want) {
        ++c->errors;
        case_wrong(c, "the word of QP %u is %#llx, expected %#llx", q, (unsigned long long)got,
                   (unsigned long long)want);
      }
    }
  }
}
