"""Classes that act: by the calendar, by thresholds, on the supply."""

from __future__ import annotations

from typing import Final

from ami_dlms.axdr import Tag
from ami_dlms.cosem.interface import DATE_TIME, InterfaceClass, Method, dynamic, static, value, versions

CLASSES: Final[tuple[InterfaceClass, ...]] = (
    *versions(9, (0,), "Script table", (static(2, "scripts", Tag.ARRAY),), (Method(1, "execute"),)),
    *versions(
        10,
        (0,),
        "Schedule",
        (static(2, "entries", Tag.ARRAY),),
        (Method(1, "enable_disable"), Method(2, "insert"), Method(3, "delete")),
    ),
    *versions(
        11,
        (0,),
        "Special days table",
        (static(2, "entries", Tag.ARRAY),),
        (Method(1, "insert"), Method(2, "delete")),
    ),
    *versions(
        20,
        (0,),
        "Activity calendar",
        (
            static(2, "calendar_name_active", Tag.OCTET_STRING),
            static(3, "season_profile_active", Tag.ARRAY),
            static(4, "week_profile_table_active", Tag.ARRAY),
            static(5, "day_profile_table_active", Tag.ARRAY),
            static(6, "calendar_name_passive", Tag.OCTET_STRING),
            static(7, "season_profile_passive", Tag.ARRAY),
            static(8, "week_profile_table_passive", Tag.ARRAY),
            static(9, "day_profile_table_passive", Tag.ARRAY),
            static(10, "activate_passive_calendar_time", DATE_TIME),
        ),
        (Method(1, "activate_passive_calendar"),),
    ),
    *versions(
        21,
        (0,),
        "Register monitor",
        (
            static(2, "thresholds", Tag.ARRAY),
            static(3, "monitored_value", Tag.STRUCTURE),
            static(4, "actions", Tag.ARRAY),
        ),
    ),
    *versions(
        22,
        (0,),
        "Single action schedule",
        (
            static(2, "executed_script", Tag.STRUCTURE),
            static(3, "type", Tag.ENUM),
            static(4, "execution_time", Tag.ARRAY),
        ),
    ),
    *versions(
        65,
        (0, 1),
        "Parameter monitor",
        (
            dynamic(2, "changed_parameter", Tag.STRUCTURE),
            dynamic(3, "capture_time", DATE_TIME),
            static(4, "parameter_list", Tag.ARRAY),
            static(5, "parameter_list_name", Tag.OCTET_STRING, since=1),
            static(6, "hash_algorithm_id", Tag.ENUM, since=1),
            dynamic(7, "parameter_value_digest", Tag.OCTET_STRING, since=1),
            dynamic(8, "parameter_values", Tag.STRUCTURE, since=1),
        ),
        (Method(1, "add_parameter"), Method(2, "delete_parameter")),
    ),
    *versions(
        68,
        (0,),
        "Arbitrator",
        (
            static(2, "actions", Tag.ARRAY),
            static(3, "permissions_table", Tag.ARRAY),
            static(4, "weightings_table", Tag.ARRAY),
            dynamic(5, "most_recent_requests_table", Tag.ARRAY),
            dynamic(6, "last_outcome", Tag.UINT8),
        ),
        (Method(1, "request_action"), Method(2, "reset")),
    ),
    *versions(
        70,
        (0,),
        "Disconnect control",
        (
            value(2, "output_state", Tag.BOOLEAN),
            dynamic(3, "control_state", Tag.ENUM),
            static(4, "control_mode", Tag.ENUM),
        ),
        (Method(1, "remote_disconnect"), Method(2, "remote_reconnect")),
    ),
    *versions(
        71,
        (0,),
        "Limiter",
        (
            static(2, "monitored_value", Tag.STRUCTURE),
            # The thresholds have type, scaler and unit of the value that is monitored.
            dynamic(3, "threshold_active"),
            static(4, "threshold_normal"),
            static(5, "threshold_emergency"),
            static(6, "min_over_threshold_duration", Tag.UINT32),
            static(7, "min_under_threshold_duration", Tag.UINT32),
            static(8, "emergency_profile", Tag.STRUCTURE),
            static(9, "emergency_profile_group_id_list", Tag.ARRAY),
            dynamic(10, "emergency_profile_active", Tag.BOOLEAN),
            static(11, "actions", Tag.STRUCTURE),
        ),
    ),
)
