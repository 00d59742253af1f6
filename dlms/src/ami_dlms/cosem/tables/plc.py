"""Classes of power line communication: S-FSK, PRIME, G3."""

from __future__ import annotations

from typing import Final

from ami_dlms.axdr import Tag
from ami_dlms.cosem.interface import InterfaceClass, Method, dynamic, static, versions

S_FSK: Final[tuple[InterfaceClass, ...]] = (
    *versions(
        50,
        (1,),
        "S-FSK Phy&MAC setup",
        (
            static(2, "initiator_electrical_phase", Tag.ENUM),
            dynamic(3, "delta_electrical_phase", Tag.ENUM),
            static(4, "max_receiving_gain", Tag.UINT8),
            static(5, "max_transmitting_gain", Tag.UINT8),
            static(6, "search_initiator_threshold", Tag.UINT8),
            static(7, "frequencies", Tag.STRUCTURE),
            dynamic(8, "mac_address", Tag.UINT16),
            static(9, "mac_group_addresses", Tag.ARRAY),
            static(10, "repeater", Tag.ENUM),
            dynamic(11, "repeater_status", Tag.BOOLEAN),
            dynamic(12, "min_delta_credit", Tag.UINT8),
            dynamic(13, "initiator_mac_address", Tag.UINT16),
            dynamic(14, "synchronization_locked", Tag.BOOLEAN),
            static(15, "transmission_speed", Tag.ENUM),
        ),
    ),
    *versions(
        51,
        (0,),
        "S-FSK Active initiator",
        (dynamic(2, "active_initiator", Tag.STRUCTURE),),
        (Method(1, "reset_NEW_not_synchronized"),),
    ),
    *versions(
        52,
        (0,),
        "S-FSK MAC synchronization timeouts",
        (
            static(2, "search_initiator_timeout", Tag.UINT16),
            static(3, "synchronization_confirmation_timeout", Tag.UINT16),
            static(4, "time_out_not_addressed", Tag.UINT16),
            static(5, "time_out_frame_not_OK", Tag.UINT16),
        ),
    ),
    *versions(
        53,
        (0,),
        "S-FSK MAC counters",
        (
            dynamic(2, "synchronization_register", Tag.ARRAY),
            dynamic(3, "desynchronization_listing", Tag.STRUCTURE),
            dynamic(4, "broadcast_frames_counter", Tag.ARRAY),
            dynamic(5, "repetitions_counter", Tag.UINT32),
            dynamic(6, "transmissions_counter", Tag.UINT32),
            dynamic(7, "CRC_OK_frames_counter", Tag.UINT32),
            dynamic(8, "CRC_NOK_frames_counter", Tag.UINT32),
        ),
        (Method(1, "reset"),),
    ),
    *versions(
        55,
        (1,),
        "IEC 61334-4-32 LLC setup",
        (static(2, "max_frame_length", Tag.UINT8), dynamic(3, "reply_status_list", Tag.ARRAY)),
    ),
    *versions(
        56,
        (0,),
        "S-FSK Reporting system list",
        (dynamic(2, "reporting_system_list", Tag.ARRAY),),
    ),
)

PRIME: Final[tuple[InterfaceClass, ...]] = (
    *versions(
        80,
        (0,),
        "61334-4-32 LLC SSCS setup",
        (dynamic(2, "service_node_address", Tag.UINT16), dynamic(3, "base_node_address", Tag.UINT16)),
        (Method(1, "reset"),),
    ),
    *versions(
        81,
        (0,),
        "PRIME NB OFDM PLC Physical layer counters",
        (
            dynamic(2, "phy_stats_crc_incorrect_count", Tag.UINT16),
            dynamic(3, "phy_stats_crc_fail_count", Tag.UINT16),
            dynamic(4, "phy_stats_tx_drop_count", Tag.UINT16),
            dynamic(5, "phy_stats_rx_drop_count", Tag.UINT16),
        ),
        (Method(1, "reset"),),
    ),
    *versions(
        82,
        (0,),
        "PRIME NB OFDM PLC MAC setup",
        (
            static(2, "mac_min_switch_search_time", Tag.UINT8),
            static(3, "mac_max_promotion_pdu", Tag.UINT8),
            static(4, "mac_promotion_pdu_tx_period", Tag.UINT8),
            static(5, "mac_beacons_per_frame", Tag.UINT8),
            static(6, "mac_scp_max_tx_attempts", Tag.UINT8),
            static(7, "mac_ctl_re_tx_timer", Tag.UINT8),
            static(8, "mac_max_ctl_re_tx", Tag.UINT8),
        ),
    ),
    *versions(
        83,
        (0,),
        "PRIME NB OFDM PLC MAC functional parameters",
        (
            dynamic(2, "mac_LNID", Tag.INT16),
            dynamic(3, "mac_LSID", Tag.UINT8),
            dynamic(4, "mac_SID", Tag.UINT8),
            dynamic(5, "mac_SNA", Tag.OCTET_STRING),
            dynamic(6, "mac_state", Tag.ENUM),
            dynamic(7, "mac_scp_length", Tag.INT16),
            dynamic(8, "mac_node_hierarchy_level", Tag.UINT8),
            dynamic(9, "mac_beacon_slot_count", Tag.UINT8),
            dynamic(10, "mac_beacon_rx_slot", Tag.UINT8),
            dynamic(11, "mac_beacon_tx_slot", Tag.UINT8),
            dynamic(12, "mac_beacon_rx_frequency", Tag.UINT8),
            dynamic(13, "mac_beacon_tx_frequency", Tag.UINT8),
            dynamic(14, "mac_capabilities", Tag.UINT16),
        ),
    ),
    *versions(
        84,
        (0,),
        "PRIME NB OFDM PLC MAC counters",
        (
            dynamic(2, "mac_tx_datapkt_count", Tag.UINT32),
            dynamic(3, "mac_rx_datapkt_count", Tag.UINT32),
            dynamic(4, "mac_tx_ctrlpkt_count", Tag.UINT32),
            dynamic(5, "mac_rx_ctrlpkt_count", Tag.UINT32),
            dynamic(6, "mac_csma_fail_count", Tag.UINT32),
            dynamic(7, "mac_csma_ch_busy_count", Tag.UINT32),
        ),
        (Method(1, "reset"),),
    ),
    *versions(
        85,
        (0,),
        "PRIME NB OFDM PLC MAC network administration data",
        (
            dynamic(2, "mac_list_multicast_entries", Tag.ARRAY),
            dynamic(3, "mac_list_switch_table", Tag.ARRAY),
            dynamic(4, "mac_list_direct_table", Tag.ARRAY),
            dynamic(5, "mac_list_available_switches", Tag.ARRAY),
            dynamic(6, "mac_list_phy_comm", Tag.ARRAY),
        ),
        (Method(1, "reset"),),
    ),
    *versions(
        86,
        (0,),
        "PRIME NB OFDM PLC Application identification",
        (
            static(2, "firmware_version", Tag.OCTET_STRING),
            static(3, "vendor_id", Tag.UINT16),
            static(4, "product_id", Tag.UINT16),
        ),
    ),
)

G3: Final[tuple[InterfaceClass, ...]] = (
    *versions(
        90,
        (1,),
        "G3-PLC MAC layer counters",
        (
            dynamic(2, "mac_Tx_data_packet_count", Tag.UINT32),
            dynamic(3, "mac_Rx_data_packet_count", Tag.UINT32),
            dynamic(4, "mac_Tx_cmd_packet_count", Tag.UINT32),
            dynamic(5, "mac_Rx_cmd_packet_count", Tag.UINT32),
            dynamic(6, "mac_CSMA_fail_count", Tag.UINT32),
            dynamic(7, "mac_CSMA_no_ACK_count", Tag.UINT32),
            dynamic(8, "mac_bad_CRC_count", Tag.UINT32),
            dynamic(9, "mac_Tx_data_broadcast_count", Tag.UINT32),
            dynamic(10, "mac_Rx_data_broadcast_count", Tag.UINT32),
        ),
        (Method(1, "reset"),),
    ),
)

CLASSES: Final = (*S_FSK, *PRIME, *G3)
