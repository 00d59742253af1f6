"""Classes about who may do what: associations, security, firmware."""

from __future__ import annotations

from typing import Final

from ami_dlms.axdr import Tag
from ami_dlms.cosem.interface import InterfaceClass, Method, dynamic, static, versions

CLASSES: Final[tuple[InterfaceClass, ...]] = (
    *versions(
        12,
        (0, 1, 2, 3, 4),
        "Association SN",
        (
            static(2, "object_list", Tag.ARRAY),
            static(3, "access_rights_list", Tag.ARRAY, since=2),
            static(4, "security_setup_reference", Tag.OCTET_STRING, since=2),
            static(5, "user_list", Tag.ARRAY, since=3),
            dynamic(6, "current_user", Tag.STRUCTURE, since=3),
        ),
        (
            Method(3, "read_by_logicalname"),
            Method(5, "change_secret"),
            Method(8, "reply_to_HLS_authentication"),
            Method(9, "add_user", since=3),
            Method(10, "remove_user", since=3),
        ),
        # Methods 1, 2, 4, 6 and 7 were dropped on the way; which version had which, we are not sure.
        incomplete=(0, 1),
    ),
    *versions(
        15,
        (0, 1, 2, 3),
        "Association LN",
        (
            static(2, "object_list", Tag.ARRAY),
            static(3, "associated_partners_id", Tag.STRUCTURE),
            # Structure or encoded object identifier.
            static(4, "application_context_name", Tag.STRUCTURE, Tag.OCTET_STRING),
            static(5, "xDLMS_context_info", Tag.STRUCTURE),
            static(6, "authentication_mechanism_name", Tag.STRUCTURE, Tag.OCTET_STRING),
            static(7, "secret", Tag.OCTET_STRING),
            dynamic(8, "association_status", Tag.ENUM),
            static(9, "security_setup_reference", Tag.OCTET_STRING, since=1),
            static(10, "user_list", Tag.ARRAY, since=2),
            dynamic(11, "current_user", Tag.STRUCTURE, since=2),
        ),
        (
            Method(1, "reply_to_HLS_authentication"),
            Method(2, "change_HLS_secret"),
            Method(3, "add_object"),
            Method(4, "remove_object"),
            Method(5, "add_user", since=2),
            Method(6, "remove_user", since=2),
        ),
    ),
    *versions(
        17,
        (0,),
        "SAP assignment",
        (static(2, "SAP_assignment_list", Tag.ARRAY),),
        (Method(1, "connect_logical_device"),),
    ),
    *versions(
        18,
        (0,),
        "Image transfer",
        (
            static(2, "image_block_size", Tag.UINT32),
            dynamic(3, "image_transferred_blocks_status", Tag.BIT_STRING),
            dynamic(4, "image_first_not_transferred_block_number", Tag.UINT32),
            static(5, "image_transfer_enabled", Tag.BOOLEAN),
            dynamic(6, "image_transfer_status", Tag.ENUM),
            dynamic(7, "image_to_activate_info", Tag.ARRAY),
        ),
        (
            Method(1, "image_transfer_initiate"),
            Method(2, "image_block_transfer"),
            Method(3, "image_verify"),
            Method(4, "image_activate"),
        ),
    ),
    *versions(
        30,
        (0,),
        "COSEM data protection",
        (
            dynamic(2, "protection_buffer", Tag.OCTET_STRING),
            static(3, "protection_object_list", Tag.ARRAY),
            static(4, "protection_parameters_get", Tag.ARRAY),
            static(5, "protection_parameters_set", Tag.ARRAY),
            static(6, "required_protection_action"),
        ),
        (
            Method(1, "get_protected_attributes"),
            Method(2, "set_protected_attributes"),
            Method(3, "invoke_protected_method"),
        ),
    ),
    *versions(
        64,
        (0, 1),
        "Security setup",
        (
            static(2, "security_policy", Tag.ENUM),
            static(3, "security_suite", Tag.ENUM),
            dynamic(4, "client_system_title", Tag.OCTET_STRING),
            static(5, "server_system_title", Tag.OCTET_STRING),
            dynamic(6, "certificates", Tag.ARRAY, since=1),
        ),
        (
            Method(1, "security_activate"),
            Method(2, "global_key_transfer", until=0),
            Method(2, "key_transfer", since=1),
            Method(3, "key_agreement", since=1),
            Method(4, "generate_key_pair", since=1),
            Method(5, "generate_certificate_request", since=1),
            Method(6, "import_certificate", since=1),
            Method(7, "export_certificate", since=1),
            Method(8, "remove_certificate", since=1),
        ),
    ),
    *versions(
        122,
        (0,),
        "Function control",
        (dynamic(2, "activation_status", Tag.ARRAY), static(3, "function_list", Tag.ARRAY)),
        (Method(1, "set_function_status"), Method(2, "add_function"), Method(3, "remove_function")),
    ),
    *versions(
        123,
        (0,),
        "Array manager",
        (static(2, "array_object_list", Tag.ARRAY),),
        (
            Method(1, "retrieve_number_of_entries"),
            Method(2, "retrieve_entries"),
            Method(3, "insert_entry"),
            Method(4, "update_entry"),
            Method(5, "remove_entries"),
        ),
    ),
    *versions(
        124,
        (0,),
        "Communication port protection",
        (
            static(2, "protection_mode", Tag.ENUM),
            static(3, "allowed_failed_attempts", Tag.UINT16),
            static(4, "initial_lockout_time", Tag.UINT32),
            static(5, "steepness_factor", Tag.UINT8),
            static(6, "max_lockout_time", Tag.UINT32),
            static(7, "port_reference", Tag.OCTET_STRING),
            dynamic(8, "protection_status", Tag.ENUM),
            dynamic(9, "failed_attempts", Tag.UINT32),
            dynamic(10, "cumulative_failed_attempts", Tag.UINT32),
        ),
        (Method(1, "reset"),),
    ),
)
