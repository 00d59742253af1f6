"""Classes of prepayment and credit."""

from __future__ import annotations

from typing import Final

from ami_dlms.axdr import Tag
from ami_dlms.cosem.interface import DATE_TIME, InterfaceClass, Method, dynamic, static, versions

CLASSES: Final[tuple[InterfaceClass, ...]] = (
    *versions(
        111,
        (0,),
        "Account",
        (
            dynamic(2, "account_mode_and_status", Tag.STRUCTURE),
            dynamic(3, "current_credit_in_use", Tag.UINT8),
            dynamic(4, "current_credit_status", Tag.BIT_STRING),
            # Amounts are in the currency, with the scale, of attribute 15.
            dynamic(5, "available_credit", Tag.INT32),
            dynamic(6, "amount_to_clear", Tag.INT32),
            static(7, "clearance_threshold", Tag.INT32),
            dynamic(8, "aggregated_debt", Tag.INT32),
            static(9, "credit_reference_list", Tag.ARRAY),
            static(10, "charge_reference_list", Tag.ARRAY),
            static(11, "credit_charge_configuration", Tag.ARRAY),
            static(12, "token_gateway_configuration", Tag.ARRAY),
            static(13, "account_activation_time", DATE_TIME),
            static(14, "account_closure_time", DATE_TIME),
            static(15, "currency", Tag.STRUCTURE),
            static(16, "low_credit_threshold", Tag.INT32),
            static(17, "next_credit_available_threshold", Tag.INT32),
            static(18, "max_provision", Tag.UINT16),
            static(19, "max_provision_period", Tag.INT32),
        ),
        (Method(1, "activate_account"), Method(2, "close_account"), Method(3, "reset_account")),
    ),
    *versions(
        112,
        (0,),
        "Credit",
        (
            dynamic(2, "current_credit_amount", Tag.INT32),
            static(3, "credit_type", Tag.ENUM),
            static(4, "priority", Tag.UINT8),
            static(5, "warning_threshold", Tag.INT32),
            static(6, "limit", Tag.INT32),
            static(7, "credit_configuration", Tag.BIT_STRING),
            dynamic(8, "credit_status", Tag.ENUM),
            static(9, "preset_credit_amount", Tag.INT32),
            static(10, "credit_available_threshold", Tag.INT32),
            static(11, "period", DATE_TIME),
        ),
        (Method(1, "update_amount"), Method(2, "set_amount_to_value"), Method(3, "invoke_credit")),
    ),
    *versions(
        113,
        (0,),
        "Charge",
        (
            dynamic(2, "total_amount_paid", Tag.INT32),
            static(3, "charge_type", Tag.ENUM),
            static(4, "priority", Tag.UINT8),
            static(5, "unit_charge_active", Tag.STRUCTURE),
            static(6, "unit_charge_passive", Tag.STRUCTURE),
            static(7, "unit_charge_activation_time", DATE_TIME),
            static(8, "period", Tag.UINT32),
            static(9, "charge_configuration", Tag.BIT_STRING),
            dynamic(10, "last_collection_time", DATE_TIME),
            dynamic(11, "last_collection_amount", Tag.INT32),
            dynamic(12, "total_amount_remaining", Tag.INT32),
            static(13, "proportion", Tag.UINT16),
        ),
        (
            Method(1, "update_unit_charge"),
            Method(2, "activate_passive_unit_charge"),
            Method(3, "collect"),
            Method(4, "update_total_amount_remaining"),
            Method(5, "set_total_amount_remaining"),
        ),
    ),
    *versions(
        115,
        (0,),
        "Token gateway",
        (
            dynamic(2, "token", Tag.OCTET_STRING),
            dynamic(3, "token_time", DATE_TIME),
            dynamic(4, "token_description", Tag.ARRAY),
            dynamic(5, "token_delivery_method", Tag.ENUM),
            dynamic(6, "token_status", Tag.STRUCTURE),
        ),
        (Method(1, "enter"),),
    ),
)
