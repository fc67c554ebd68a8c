#include "wire/cm_messages.h"

#include <cstring>
#include <type_traits>
#include <utility>

namespace sluice::wire {
namespace {

// Reader and Writer visit the fields of a message in its one description, Layout below; `byte` and
// `bit` count from the start of the MAD's data, bit 0 is the highest of its byte.
class Reader {
 public:
  explicit Reader(const uint8_t* data) : data_(data) {}

  template <typename T>
  void Bits(size_t byte, size_t bit, size_t width, T* field) const {
    uint64_t v = 0;
    for (size_t i = 8 * byte + bit; i < 8 * byte + bit + width; ++i) {
      v = v << 1 | (data_[i / 8] >> (7 - i % 8) & 1u);
    }
    *field = static_cast<T>(v);
  }
  void Bytes(size_t byte, std::span<uint8_t> field) const {
    std::memcpy(field.data(), data_ + byte, field.size());
  }
  void Gid(size_t byte, IpAddress* field) const { *field = IpAddress::Read(data_ + byte); }

 private:
  const uint8_t* data_;
};

class Writer {
 public:
  explicit Writer(uint8_t* data) : data_(data) {}

  template <typename T>
  void Bits(size_t byte, size_t bit, size_t width, const T* field) const {
    uint64_t v = static_cast<uint64_t>(*field);
    for (size_t i = 8 * byte + bit + width; i-- > 8 * byte + bit; v >>= 1) {
      data_[i / 8] = static_cast<uint8_t>(data_[i / 8] | (v & 1) << (7 - i % 8));
    }
  }
  void Bytes(size_t byte, std::span<const uint8_t> field) const {
    std::memcpy(data_ + byte, field.data(), field.size());
  }
  void Gid(size_t byte, const IpAddress* field) const { field->Write(data_ + byte); }

 private:
  uint8_t* data_;
};

// Whether M is T, const or not.
template <typename M, typename T>
concept Is = std::is_same_v<std::remove_const_t<M>, T>;

template <typename Io, typename M>
void CommIds(const Io& io, M& m) {
  io.Bits(0, 0, 32, &m.local_comm_id);
  io.Bits(4, 0, 32, &m.remote_comm_id);
}

// The 44 bytes of a path in a REQ.
template <typename Io, typename P>
void ReqPath(const Io& io, size_t at, P& p) {
  io.Bits(at, 0, 16, &p.local_lid);
  io.Bits(at + 2, 0, 16, &p.remote_lid);
  io.Gid(at + 4, &p.local_gid);
  io.Gid(at + 20, &p.remote_gid);
  io.Bits(at + 36, 0, 20, &p.flow_label);
  io.Bits(at + 39, 2, 6, &p.packet_rate);
  io.Bits(at + 40, 0, 8, &p.traffic_class);
  io.Bits(at + 41, 0, 8, &p.hop_limit);
  io.Bits(at + 42, 0, 4, &p.service_level);
  io.Bits(at + 42, 4, 1, &p.subnet_local);
  io.Bits(at + 43, 0, 5, &p.ack_timeout);
}

// Table 106.
template <typename Io, Is<CmReq> M>
void Layout(const Io& io, M& m) {
  io.Bits(0, 0, 32, &m.local_comm_id);
  io.Bits(8, 0, 64, &m.service_id);
  io.Bits(16, 0, 64, &m.local_ca_guid);
  io.Bits(28, 0, 32, &m.local_qkey);
  io.Bits(32, 0, 24, &m.local_qpn);
  io.Bits(35, 0, 8, &m.responder_resources);
  io.Bits(36, 0, 24, &m.local_eecn);
  io.Bits(39, 0, 8, &m.initiator_depth);
  io.Bits(40, 0, 24, &m.remote_eecn);
  io.Bits(43, 0, 5, &m.remote_response_timeout);
  io.Bits(43, 5, 2, &m.service_type);
  io.Bits(43, 7, 1, &m.flow_control);
  io.Bits(44, 0, 24, &m.starting_psn);
  io.Bits(47, 0, 5, &m.local_response_timeout);
  io.Bits(47, 5, 3, &m.retry_count);
  io.Bits(48, 0, 16, &m.pkey);
  io.Bits(50, 0, 4, &m.mtu);
  io.Bits(50, 4, 1, &m.rdc_exists);
  io.Bits(50, 5, 3, &m.rnr_retry);
  io.Bits(51, 0, 4, &m.max_cm_retries);
  io.Bits(51, 4, 1, &m.srq);
  io.Bits(51, 5, 3, &m.extended_type);
  ReqPath(io, 52, m.primary);
  ReqPath(io, 96, m.alternate);
  io.Bits(139, 5, 1, &m.sap_supported);
  io.Bytes(140, m.private_data);
}

// Table 107.
template <typename Io, Is<CmMra> M>
void Layout(const Io& io, M& m) {
  CommIds(io, m);
  io.Bits(8, 0, 2, &m.subject);
  io.Bits(9, 0, 5, &m.service_timeout);
  io.Bytes(10, m.private_data);
}

// Table 108.
template <typename Io, Is<CmRej> M>
void Layout(const Io& io, M& m) {
  CommIds(io, m);
  io.Bits(8, 0, 2, &m.subject);
  io.Bits(9, 0, 7, &m.info_length);
  io.Bits(10, 0, 16, &m.reason);
  io.Bytes(12, m.info);
  io.Bytes(84, m.private_data);
}

// Table 110.
template <typename Io, Is<CmRep> M>
void Layout(const Io& io, M& m) {
  CommIds(io, m);
  io.Bits(8, 0, 32, &m.local_qkey);
  io.Bits(12, 0, 24, &m.local_qpn);
  io.Bits(16, 0, 24, &m.local_eecn);
  io.Bits(20, 0, 24, &m.starting_psn);
  io.Bits(24, 0, 8, &m.responder_resources);
  io.Bits(25, 0, 8, &m.initiator_depth);
  io.Bits(26, 0, 5, &m.target_ack_delay);
  io.Bits(26, 5, 2, &m.failover_accepted);
  io.Bits(26, 7, 1, &m.flow_control);
  io.Bits(27, 0, 3, &m.rnr_retry);
  io.Bits(27, 3, 1, &m.srq);
  io.Bits(28, 0, 64, &m.local_ca_guid);
  io.Bytes(36, m.private_data);
}

// Tables 111 and 113.
template <typename Io, typename M>
requires(Is<M, CmRtu> || Is<M, CmDrep>) void Layout(const Io& io, M& m) {
  CommIds(io, m);
  io.Bytes(8, m.private_data);
}

// Table 112.
template <typename Io, Is<CmDreq> M>
void Layout(const Io& io, M& m) {
  CommIds(io, m);
  io.Bits(8, 0, 24, &m.remote_qpn);
  io.Bytes(12, m.private_data);
}

// Table 115.
template <typename Io, Is<CmLap> M>
void Layout(const Io& io, M& m) {
  CommIds(io, m);
  io.Bits(12, 0, 24, &m.remote_qpn);
  io.Bits(15, 0, 5, &m.remote_response_timeout);
  auto& p = m.alternate;
  io.Bits(20, 0, 16, &p.local_lid);
  io.Bits(22, 0, 16, &p.remote_lid);
  io.Gid(24, &p.local_gid);
  io.Gid(40, &p.remote_gid);
  io.Bits(56, 0, 20, &p.flow_label);
  io.Bits(59, 0, 8, &p.traffic_class);
  io.Bits(60, 0, 8, &p.hop_limit);
  io.Bits(61, 2, 6, &p.packet_rate);
  io.Bits(62, 0, 4, &p.service_level);
  io.Bits(62, 4, 1, &p.subnet_local);
  io.Bits(63, 0, 5, &p.ack_timeout);
  io.Bytes(64, m.private_data);
}

// Table 116.
template <typename Io, Is<CmApr> M>
void Layout(const Io& io, M& m) {
  CommIds(io, m);
  io.Bits(8, 0, 8, &m.info_length);
  io.Bits(9, 0, 8, &m.status);
  io.Bytes(12, m.info);
  io.Bytes(84, m.private_data);
}

// Table 119.
template <typename Io, Is<CmSidrReq> M>
void Layout(const Io& io, M& m) {
  io.Bits(0, 0, 32, &m.request_id);
  io.Bits(4, 0, 16, &m.pkey);
  io.Bits(8, 0, 64, &m.service_id);
  io.Bytes(16, m.private_data);
}

// Table 120.
template <typename Io, Is<CmSidrRep> M>
void Layout(const Io& io, M& m) {
  io.Bits(0, 0, 32, &m.request_id);
  io.Bits(4, 0, 8, &m.status);
  io.Bits(5, 0, 8, &m.info_length);
  io.Bits(8, 0, 24, &m.qpn);
  io.Bits(12, 0, 64, &m.service_id);
  io.Bits(20, 0, 32, &m.qkey);
  io.Bytes(24, m.info);
  io.Bytes(96, m.private_data);
}

template <size_t I = 0>
bool ReadMessage(uint16_t attribute, const Reader& reader, CmMessage* out) {
  if constexpr (I == std::variant_size_v<CmMessage>) {
    return false;
  } else {
    using Message = std::variant_alternative_t<I, CmMessage>;
    if (attribute != static_cast<uint16_t>(Message::kAttribute)) {
      return ReadMessage<I + 1>(attribute, reader, out);
    }
    Layout(reader, out->emplace<I>());
    return true;
  }
}

}  // namespace

MadFault DecodeCm(std::span<const uint8_t> mad, CmMad* out) {
  if (mad.size() != kMadBytes) return MadFault::kLength;
  out->header = MadHeader::Read(mad.data());
  if (out->header.base_version != kMadBaseVersion) return MadFault::kVersion;
  if (out->header.management_class != kMadClassCm) return MadFault::kClass;
  if (out->header.class_version != kMadCmVersion) return MadFault::kCmVersion;
  if (out->header.method != kMadMethodSend) return MadFault::kMethod;
  const Reader reader(mad.data() + MadHeader::kSize);
  return ReadMessage(out->header.attribute_id, reader, &out->message) ? MadFault::kNone
                                                                      : MadFault::kAttribute;
}

std::array<uint8_t, kMadBytes> EncodeCm(const CmMad& mad) {
  std::array<uint8_t, kMadBytes> out{};
  MadHeader header = mad.header;
  header.attribute_id = static_cast<uint16_t>(mad.attribute());
  header.Write(out.data());
  const Writer writer(out.data() + MadHeader::kSize);
  std::visit([&writer](const auto& message) { Layout(writer, message); }, mad.message);
  return out;
}

std::optional<IpCmHeader> IpCmHeader::Read(const uint8_t* p) {
  if (p[0] != 0 || (p[1] & 15) != 0) return std::nullopt;
  IpCmHeader h;
  h.ip_version = p[1] >> 4;
  h.source_port = LoadBe16(p + 2);
  if (h.ip_version == 6) {
    h.source = IpAddress::Read(p + 4);
    h.destination = IpAddress::Read(p + 20);
    return h;
  }
  if (h.ip_version != 4) return std::nullopt;
  for (size_t i = 0; i < 12; ++i) {
    if ((p[4 + i] | p[20 + i]) != 0) return std::nullopt;
  }
  h.source = IpAddress::ReadV4(p + 16);
  h.destination = IpAddress::ReadV4(p + 32);
  return h;
}

void IpCmHeader::Write(uint8_t* p) const {
  std::memset(p, 0, kSize);
  p[1] = static_cast<uint8_t>(ip_version << 4);
  StoreBe16(p + 2, source_port);
  if (ip_version == 6) {
    source.Write(p + 4);
    destination.Write(p + 20);
  } else {
    source.WriteV4(p + 16);
    destination.WriteV4(p + 32);
  }
}

}  // namespace sluice::wire
