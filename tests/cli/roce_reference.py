"""A second reader of RoCEv2 captures, written apart from the C++ one, to judge it by.

Only the standard library. Knows classic pcap with microseconds, little endian, which is what the
golden captures are.
"""
import ipaddress
import struct
import zlib

ROCE_PORT = 4791

RC_OPCODES = (
    'SEND_FIRST SEND_MIDDLE SEND_LAST SEND_LAST_IMM SEND_ONLY SEND_ONLY_IMM WRITE_FIRST '
    'WRITE_MIDDLE WRITE_LAST WRITE_LAST_IMM WRITE_ONLY WRITE_ONLY_IMM READ_REQUEST '
    'READ_RESPONSE_FIRST READ_RESPONSE_MIDDLE READ_RESPONSE_LAST READ_RESPONSE_ONLY ACKNOWLEDGE '
    'ATOMIC_ACKNOWLEDGE COMPARE_SWAP FETCH_ADD - SEND_LAST_INVALIDATE SEND_ONLY_INVALIDATE'
).split()
SERVICES = {0: 'RC', 1: 'UC', 3: 'UD'}
WITH_RETH = {6, 10, 11, 12}
WITH_AETH = {13, 15, 16, 17, 18}


def records(path):
    """Yields (time in ns, frame) of a pcap file."""
    with open(path, 'rb') as f:
        data = f.read()
    magic, = struct.unpack_from('<I', data)
    assert magic == 0xa1b2c3d4, path
    at = 24
    while at < len(data):
        seconds, micros, kept, length = struct.unpack_from('<IIII', data, at)
        assert kept == length
        yield seconds * 10**9 + micros * 1000, data[at + 16:at + 16 + kept]
        at += 16 + kept


def layers(frame):
    """(is IPv6, offset of UDP, offset behind the IP packet), or None if it is not RoCEv2."""
    ether_type, = struct.unpack_from('>H', frame, 12)
    if ether_type == 0x0800 and frame[14] == 0x45 and frame[23] == 17:
        udp, end = 34, 14 + struct.unpack_from('>H', frame, 16)[0]
        v6 = False
    elif ether_type == 0x86dd and frame[20] == 17:
        udp, end = 54, 54 + struct.unpack_from('>H', frame, 18)[0]
        v6 = True
    else:
        return None
    port, = struct.unpack_from('>H', frame, udp + 2)
    return (v6, udp, end) if port == ROCE_PORT else None


def icrc_ok(frame):
    """The iCRC over the packet with its mutable fields set to ones (IBTA annex A17.3.3)."""
    v6, udp, end = layers(frame)
    packet = bytearray(frame[14:end - 4])
    if v6:
        packet[0] |= 0x0f
        packet[1:4] = b'\xff' * 3   # traffic class, flow label
        packet[7] = 0xff            # hop limit
    else:
        packet[1] = 0xff            # type of service
        packet[8] = 0xff            # time to live
        packet[10:12] = b'\xff' * 2  # header checksum
    transport = udp - 14
    packet[transport + 6:transport + 8] = b'\xff' * 2  # UDP checksum
    packet[transport + 12] = 0xff                      # BTH: FECN, BECN, reserved
    return zlib.crc32(b'\xff' * 8 + packet) == struct.unpack_from('<I', frame, end - 4)[0]


def decode(frame):
    """The fields that `sluice-pcap show --json` promises; None if the frame is not RoCEv2."""
    found = layers(frame)
    if found is None:
        return None
    v6, udp, end = found
    bth = udp + 8
    opcode, flags, _, qpn, word = struct.unpack_from('>BBHII', frame, bth)
    service, operation = opcode >> 5, opcode & 31
    if opcode == 0x81:
        name = 'CNP'
    elif service in SERVICES and operation < len(RC_OPCODES) and RC_OPCODES[operation] != '-':
        name = SERVICES[service] + '_' + RC_OPCODES[operation]
    else:
        name = None
    packet = {
        'length_bytes': len(frame),
        'source': str(ipaddress.ip_address(frame[22:38] if v6 else frame[26:30])),
        'destination': str(ipaddress.ip_address(frame[38:54] if v6 else frame[30:34])),
        'opcode': name,
        'qpn': qpn & 0xffffff,
        'psn': word & 0xffffff,
        'ackreq': bool(word >> 31),
        'ecn': (frame[15] >> 4 if v6 else frame[15]) & 3,
        'aeth': None,
        'reth': None,
        'icrc_ok': icrc_ok(frame),
        'usable': name is not None and flags & 15 == 0,
    }
    behind = bth + 12
    if packet['usable'] and name != 'CNP':
        if operation in WITH_RETH:
            va, rkey, length = struct.unpack_from('>QII', frame, behind)
            packet['reth'] = {'va': va, 'rkey': rkey, 'length_bytes': length}
        if operation in WITH_AETH:
            syndrome, msn = frame[behind], int.from_bytes(frame[behind + 1:behind + 4], 'big')
            packet['aeth'] = {'syndrome': syndrome, 'msn': msn}
    return packet
