/* The verbs objects of a case: made, connected, destroyed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

enum {
  QKEY = 0x11111111,
  ACCESS = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
           IBV_ACCESS_REMOTE_ATOMIC
};

int case_wrong(struct test_case* c, const char* format, ...) {
  if (c->text[0] == 0) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->text, sizeof c->text, format, arguments);
    va_end(arguments);
  }
  return -1;
}

static enum ibv_mtu mtu_code(uint32_t mtu) {
  enum ibv_mtu code = IBV_MTU_256;
  while (mtu > 256) {
    mtu /= 2;
    ++code;
  }
  return code;
}

/* The address of the asked family that is not link-local. */
static int find_gid(struct test_case* c) {
  static const uint8_t v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  for (int i = 0; i < 16; ++i) {
    if (ibv_query_gid(c->device, 1, i, &c->gid) != 0) break;
    const uint8_t* raw = c->gid.raw;
    if (raw[0] == 0xfe || (raw[0] | raw[10] | raw[15]) == 0) continue;
    if ((memcmp(raw, v4, sizeof v4) == 0) == (c->family == 4)) {
      c->gid_index = i;
      return 0;
    }
  }
  return case_wrong(c, "no GID of family %d", c->family);
}

static int make_qp(struct test_case* c, uint32_t q) {
  struct ibv_qp_init_attr attributes = {
      .send_cq = c->cq,
      .recv_cq = c->cq,
      .qp_type = c->service,
      .cap = {
          .max_send_wr = c->depth, .max_recv_wr = c->count, .max_send_sge = 1, .max_recv_sge = 1}};
  c->qp[q] = ibv_create_qp(c->pd, &attributes);
  if (c->qp[q] == NULL) return case_wrong(c, "create_qp: %s", strerror(errno));
  struct ibv_qp_attr attr = {
      .qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = QKEY, .qp_access_flags = ACCESS};
  const int mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
                   (c->service == IBV_QPT_UD ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS);
  const int error = ibv_modify_qp(c->qp[q], &attr, mask);
  return error == 0 ? 0 : case_wrong(c, "modify_qp to INIT: %s", strerror(error));
}

int case_create(struct test_case* c) {
  if (c->qps == 0 || c->qps > MAX_QPS || c->op == OPERATIONS || c->count == 0) {
    return case_wrong(c, "a case that the agent does not know");
  }
  if (find_gid(c) != 0) return -1;
  c->stride = interop_stride(c->size);
  c->bytes = c->stride * c->count * c->qps;
  c->memory = aligned_alloc(4096, (c->bytes + 4095) / 4096 * 4096);
  c->pd = ibv_alloc_pd(c->device);
  c->events = ibv_create_comp_channel(c->device);
  c->cq = ibv_create_cq(c->device, (int)(c->qps * (c->count + c->depth)), NULL, c->events, 0);
  if (c->memory == NULL || c->pd == NULL || c->cq == NULL) {
    return case_wrong(c, "memory, domain or completion queue: %s", strerror(errno));
  }
  fcntl(c->events->fd, F_SETFL, O_NONBLOCK);
  c->mr = ibv_reg_mr(c->pd, c->memory, c->bytes, ACCESS);
  if (c->mr == NULL) return case_wrong(c, "reg_mr: %s", strerror(errno));
  for (uint32_t q = 0; q < c->qps; ++q) {
    if (make_qp(c, q) != 0) return -1;
  }
  return 0;
}

static int connect_qp(struct test_case* c, uint32_t q) {
  const int reliable = c->service == IBV_QPT_RC, datagram = c->service == IBV_QPT_UD;
  struct ibv_qp_attr attr = {
      .qp_state = IBV_QPS_RTR,
      .path_mtu = mtu_code(c->mtu),
      .dest_qp_num = c->peer_qpn[q],
      .rq_psn = (c->peer_psn + q) & 0xffffff,
      .max_dest_rd_atomic = 16,
      .min_rnr_timer = (uint8_t)c->min_rnr,
      .ah_attr = {
          .is_global = 1,
          .port_num = 1,
          .grh = {.dgid = c->peer_gid, .sgid_index = (uint8_t)c->gid_index, .hop_limit = 64}}};
  int mask = IBV_QP_STATE;
  if (!datagram) mask |= IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
  if (reliable) mask |= IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
  int error = ibv_modify_qp(c->qp[q], &attr, mask);
  if (error != 0) return case_wrong(c, "modify_qp to RTR: %s", strerror(error));
  if (datagram && c->ah == NULL && (c->ah = ibv_create_ah(c->pd, &attr.ah_attr)) == NULL) {
    return case_wrong(c, "create_ah: %s", strerror(errno));
  }
  attr = (struct ibv_qp_attr){.qp_state = IBV_QPS_RTS,
                              .sq_psn = (c->psn + q) & 0xffffff,
                              .timeout = (uint8_t)c->timeout,
                              .retry_cnt = (uint8_t)c->retry,
                              .rnr_retry = (uint8_t)c->rnr_retry,
                              .max_rd_atomic = (uint8_t)c->rd_atomic};
  mask = IBV_QP_STATE | IBV_QP_SQ_PSN;
  if (reliable) {
    mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
  }
  error = ibv_modify_qp(c->qp[q], &attr, mask);
  return error == 0 ? 0 : case_wrong(c, "modify_qp to RTS: %s", strerror(error));
}

int case_connect(struct test_case* c) {
  for (uint32_t q = 0; q < c->qps; ++q) {
    if (connect_qp(c, q) != 0) return -1;
  }
  return 0;
}

void case_destroy(struct test_case* c) {
  for (uint32_t q = 0; q < c->qps && q < MAX_QPS; ++q) {
    if (c->qp[q] != NULL) ibv_destroy_qp(c->qp[q]);
  }
  if (c->ah != NULL) ibv_destroy_ah(c->ah);
  if (c->mr != NULL) ibv_dereg_mr(c->mr);
  if (c->cq != NULL) ibv_destroy_cq(c->cq);
  if (c->events != NULL) ibv_destroy_comp_channel(c->events);
  if (c->pd != NULL) ibv_dealloc_pd(c->pd);
  free(c->memory);
}
