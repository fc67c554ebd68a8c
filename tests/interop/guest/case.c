/* The course of a case: who speaks when. */
#include "case.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 300000, SETTLE_MS = 5000 };

static int index_of(const char* word, const char* const* names, int count) {
  for (int i = 0; i < count; ++i) {
    if (strcmp(word, names[i]) == 0) return i;
  }
  return count;
}

static void read_parameters(struct test_case* c, const char* line) {
  static const char* const operations[] = {"send", "send_imm", "write", "write_imm",
                                           "read", "fadd",     "cswap"};
  char word[64];
  c->id = number_of(line, "id", 0, 0);
  text_of(line, "service", word, sizeof word);
  c->service = strcmp(word, "ud") == 0   ? IBV_QPT_UD
               : strcmp(word, "uc") == 0 ? IBV_QPT_UC
                                         : IBV_QPT_RC;
  c->op = (enum operation)index_of(text_of(line, "op", word, sizeof word), operations, OPERATIONS);
  c->initiator = strcmp(text_of(line, "role", word, sizeof word), "initiator") == 0;
  c->seed = number_of(line, "seed", 0, 1);
  c->family = (int)number_of(line, "family", 0, 4);
  c->size = (uint32_t)number_of(line, "size", 0, 0);
  c->count = (uint32_t)number_of(line, "count", 0, 1);
  c->depth = (uint32_t)number_of(line, "depth", 0, 1);
  c->mtu = (uint32_t)number_of(line, "mtu", 0, 1024);
  c->qps = (uint32_t)number_of(line, "qps", 0, 1);
  c->psn = (uint32_t)number_of(line, "psn", 0, 0);
  c->timeout = (uint32_t)number_of(line, "timeout", 0, 14);
  c->retry = (uint32_t)number_of(line, "retry", 0, 7);
  c->rnr_retry = (uint32_t)number_of(line, "rnr_retry", 0, 7);
  c->min_rnr = (uint32_t)number_of(line, "min_rnr", 0, 12);
  c->rd_atomic = (uint32_t)number_of(line, "rd_atomic", 0, 4);
  c->delay_ms = (uint32_t)number_of(line, "delay_ms", 0, 0);
  c->lossy = (int)number_of(line, "lossy", 0, 0);
  c->expect = (uint32_t)number_of(line, "expect", 0, 0);
  c->bad_rkey = (int)number_of(line, "bad_rkey", 0, 0);
  c->short_receive = (int)number_of(line, "short_receive", 0, 0);
  c->no_receive = (int)number_of(line, "no_receive", 0, 0);
}

static int read_peer(struct test_case* c, const char* line) {
  char word[64];
  c->peer_va = number_of(line, "va", 0, 0);
  c->peer_rkey = (uint32_t)number_of(line, "rkey", 0, 0);
  c->peer_psn = (uint32_t)number_of(line, "psn", 0, 0);
  for (uint32_t q = 0; q < c->qps; ++q) {
    c->peer_qpn[q] = (uint32_t)number_of(line, "qpn", q, 0);
  }
  if (inet_pton(AF_INET6, text_of(line, "gid", word, sizeof word), &c->peer_gid) != 1) {
    return case_wrong(c, "the host's line has no gid");
  }
  return 0;
}

/* Waits for the host's line that begins with `word`. */
static int expect(struct test_case* c, const char* word, char* line) {
  if (!channel_line(c->channel, line, PATIENCE_MS)) return case_wrong(c, "no %s", word);
  if (strncmp(line, word, strlen(word)) != 0) return case_wrong(c, "stopped before %s", word);
  return 0;
}

static void say_where(struct test_case* c) {
  char gid[64], list[MAX_QPS * 9] = "";
  inet_ntop(AF_INET6, &c->gid, gid, sizeof gid);
  for (uint32_t q = 0, at = 0; q < c->qps; ++q) {
    at += (uint32_t)snprintf(list + at, sizeof list - at, "%s%u", q == 0 ? "" : ",",
                             c->qp[q]->qp_num);
  }
  channel_say(c->channel, "at id=%llu gid=%s va=%llu rkey=%u qpn=%s psn=%u", c->id, gid,
              (unsigned long long)(uintptr_t)c->memory, c->mr->rkey, list, c->psn);
}

static int initiate(struct test_case* c, char* line) {
  if (expect(c, "start", line) != 0) return -1;
  if (case_post_requests(c) != 0) return -1;
  const int done = case_progress(c, (uint64_t)c->qps * c->count, line, PATIENCE_MS);
  return done == 0
             ? 0
             : case_wrong(c, "stopped after %llu completions", (unsigned long long)c->finished);
}

static int serve(struct test_case* c, char* line) {
  const uint64_t goal = takes_receive(c) ? (uint64_t)c->qps * c->count : UINT64_MAX;
  if (c->expect != 0) {
    /* Whatever becomes of the receives: the initiator's completion and the memory are judged. */
    return case_progress(c, UINT64_MAX, line, PATIENCE_MS) < 0 || strncmp(line, "done", 4) != 0
               ? case_wrong(c, "stopped")
               : 0;
  }
  if (takes_receive(c) && c->delay_ms > 0) {
    usleep(c->delay_ms * 1000);
    if (case_post_receives(c) != 0) return -1;
  }
  int done = case_progress(c, goal, line, PATIENCE_MS);
  if (done < 0) return -1;
  if (done == 0 && expect(c, "done", line) != 0) return -1;
  if (done > 0 && strncmp(line, "done", 4) != 0) return case_wrong(c, "stopped");
  /* The host has finished; without acknowledgements its last packets may still be on their way. */
  if (done > 0 && (takes_receive(c) || c->service != IBV_QPT_RC)) {
    const int settled =
        case_progress(c, goal, line, takes_receive(c) && !c->lossy ? SETTLE_MS : 500);
    if (settled < 0) return -1;
    if (settled > 0 && takes_receive(c) && !c->lossy) {
      return case_wrong(c, "only %llu messages arrived", (unsigned long long)c->finished);
    }
  }
  return 0;
}

static int course(struct test_case* c, char* line) {
  if (case_create(c) != 0) return -1;
  case_prepare_memory(c);
  say_where(c);
  if (expect(c, "go", line) != 0 || read_peer(c, line) != 0 || case_connect(c) != 0) return -1;
  const int posts = !c->initiator && takes_receive(c) && c->delay_ms == 0 && !c->no_receive;
  if (posts && case_post_receives(c) != 0) return -1;
  channel_say(c->channel, "ready id=%llu", c->id);
  if ((c->initiator ? initiate(c, line) : serve(c, line)) != 0) return -1;
  case_verify(c);
  return c->errors == 0 ? 0 : -1;
}

void case_run(struct channel* channel, struct ibv_context* device, const char* line) {
  static struct test_case c;
  char said[LINE_LENGTH];
  memset(&c, 0, sizeof c);
  c.channel = channel;
  c.device = device;
  read_parameters(&c, line);
  const int ok = course(&c, said) == 0;
  case_destroy(&c);
  channel_say(channel, "result id=%llu ok=%d completed=%llu errors=%zu text=%s", c.id, ok,
              (unsigned long long)c.finished, c.errors, c.text);
}
