"""Classes that hold what is measured, and the clock."""

from __future__ import annotations

from typing import Final

from ami_dlms.axdr import Tag
from ami_dlms.cosem.interface import DATE_TIME, SIMPLE, InterfaceClass, Method, dynamic, static, value, versions

CLASSES: Final[tuple[InterfaceClass, ...]] = (
    *versions(1, (0,), "Data", (value(2, "value"),)),
    *versions(
        3,
        (0,),
        "Register",
        (value(2, "value", SIMPLE, scaler_unit=3), static(3, "scaler_unit", Tag.STRUCTURE)),
        (Method(1, "reset"),),
    ),
    *versions(
        4,
        (0,),
        "Extended register",
        (
            value(2, "value", SIMPLE, scaler_unit=3),
            static(3, "scaler_unit", Tag.STRUCTURE),
            dynamic(4, "status", SIMPLE),
            dynamic(5, "capture_time", DATE_TIME),
        ),
        (Method(1, "reset"),),
    ),
    *versions(
        5,
        (0,),
        "Demand register",
        (
            value(2, "current_average_value", SIMPLE, scaler_unit=4),
            dynamic(3, "last_average_value", SIMPLE, scaler_unit=4),
            static(4, "scaler_unit", Tag.STRUCTURE),
            dynamic(5, "status", SIMPLE),
            dynamic(6, "capture_time", DATE_TIME),
            dynamic(7, "start_time_current", DATE_TIME),
            static(8, "period", Tag.UINT32),
            static(9, "number_of_periods", Tag.UINT16),
        ),
        (Method(1, "reset"), Method(2, "next_period")),
    ),
    *versions(
        6,
        (0,),
        "Register activation",
        (
            static(2, "register_assignment", Tag.ARRAY),
            static(3, "mask_list", Tag.ARRAY),
            dynamic(4, "active_mask", Tag.OCTET_STRING),
        ),
        (Method(1, "add_register"), Method(2, "add_mask"), Method(3, "delete_mask")),
    ),
    *versions(
        7,
        (0, 1),
        "Profile generic",
        (
            value(2, "buffer", Tag.ARRAY, Tag.COMPACT_ARRAY),
            static(3, "capture_objects", Tag.ARRAY),
            static(4, "capture_period", Tag.UINT32),
            static(5, "sort_method", Tag.ENUM),
            static(6, "sort_object", Tag.STRUCTURE),
            dynamic(7, "entries_in_use", Tag.UINT32),
            static(8, "profile_entries", Tag.UINT32),
        ),
        (
            Method(1, "reset"),
            Method(2, "capture"),
            Method(3, "get_buffer_by_range", until=0),
            Method(4, "get_buffer_by_index", until=0),
        ),
    ),
    *versions(
        8,
        (0,),
        "Clock",
        (
            value(2, "time", DATE_TIME),
            static(3, "time_zone", Tag.INT16),
            dynamic(4, "status", Tag.UINT8),
            static(5, "daylight_savings_begin", DATE_TIME),
            static(6, "daylight_savings_end", DATE_TIME),
            static(7, "daylight_savings_deviation", Tag.INT8),
            static(8, "daylight_savings_enabled", Tag.BOOLEAN),
            static(9, "clock_base", Tag.ENUM),
        ),
        (
            Method(1, "adjust_to_quarter"),
            Method(2, "adjust_to_measuring_period"),
            Method(3, "adjust_to_minute"),
            Method(4, "adjust_to_preset_time"),
            Method(5, "preset_adjusting_time"),
            Method(6, "shift_time"),
        ),
    ),
    *versions(
        26,
        (0,),
        "Utility tables",
        (
            static(2, "table_ID", Tag.UINT16),
            dynamic(3, "length", Tag.UINT32),
            value(4, "buffer", Tag.OCTET_STRING),
        ),
    ),
    *versions(
        61,
        (0,),
        "Register table",
        (
            value(2, "table_cell_values", Tag.ARRAY, Tag.COMPACT_ARRAY, scaler_unit=4),
            static(3, "table_cell_definition", Tag.STRUCTURE),
            static(4, "scaler_unit", Tag.STRUCTURE),
        ),
        (Method(1, "reset"), Method(2, "capture")),
    ),
    *versions(
        62,
        (0, 1),
        "Compact data",
        (
            value(2, "compact_buffer", Tag.OCTET_STRING),
            static(3, "capture_objects", Tag.ARRAY),
            static(4, "template_id", Tag.UINT8),
            dynamic(5, "template_description", Tag.OCTET_STRING),
            static(6, "capture_method", Tag.ENUM),
        ),
        (Method(1, "reset"), Method(2, "capture")),
    ),
    *versions(
        63,
        (0,),
        "Status mapping",
        (value(2, "status_word", SIMPLE), static(3, "mapping_table", Tag.STRUCTURE)),
    ),
    *versions(
        67,
        (0,),
        "Sensor manager",
        (
            static(2, "serial_number", Tag.OCTET_STRING),
            static(3, "metrological_identification", Tag.OCTET_STRING),
            static(4, "output_type", Tag.ENUM),
            static(5, "adjustment_method", Tag.OCTET_STRING),
            static(6, "sealing_method", Tag.ENUM),
            dynamic(7, "raw_value", SIMPLE, scaler_unit=8),
            static(8, "scaler_unit", Tag.STRUCTURE),
            dynamic(9, "status", SIMPLE),
            dynamic(10, "capture_time", DATE_TIME),
            static(11, "raw_value_thresholds", Tag.ARRAY),
            static(12, "raw_value_actions", Tag.ARRAY),
            dynamic(13, "processed_value", Tag.STRUCTURE),
            static(14, "processed_value_thresholds", Tag.ARRAY),
            static(15, "processed_value_actions", Tag.ARRAY),
        ),
        (Method(1, "reset"),),
    ),
)
