/* SPDX-License-Identifier: Apache-2.0 */
/* The types, by the file that has their rows. */
#pragma once

#include "orchestrator/schema/schema.h"

/* authentication_v1.c */
extern const struct schema_type authentication_v1_bound_object_reference;
extern const struct schema_type authentication_v1_self_subject_review;
extern const struct schema_type authentication_v1_self_subject_review_status;
extern const struct schema_type authentication_v1_token_request;
extern const struct schema_type authentication_v1_token_request_spec;
extern const struct schema_type authentication_v1_token_request_status;
extern const struct schema_type authentication_v1_token_review;
extern const struct schema_type authentication_v1_token_review_spec;
extern const struct schema_type authentication_v1_token_review_status;
extern const struct schema_type authentication_v1_user_info;

/* authorization_v1.c */
extern const struct schema_type authorization_v1_field_selector_attributes;
extern const struct schema_type authorization_v1_label_selector_attributes;
extern const struct schema_type authorization_v1_non_resource_attributes;
extern const struct schema_type authorization_v1_resource_attributes;
extern const struct schema_type authorization_v1_self_subject_access_review;
extern const struct schema_type authorization_v1_self_subject_access_review_spec;
extern const struct schema_type authorization_v1_subject_access_review_status;

/* coordination_v1.c */
extern const struct schema_type coordination_v1_lease;
extern const struct schema_type coordination_v1_lease_spec;

/* core_v1_affinity.c */
extern const struct schema_type core_v1_affinity;
extern const struct schema_type core_v1_node_affinity;
extern const struct schema_type core_v1_node_selector;
extern const struct schema_type core_v1_node_selector_requirement;
extern const struct schema_type core_v1_node_selector_term;
extern const struct schema_type core_v1_pod_affinity;
extern const struct schema_type core_v1_pod_affinity_term;
extern const struct schema_type core_v1_pod_anti_affinity;
extern const struct schema_type core_v1_preferred_scheduling_term;
extern const struct schema_type core_v1_toleration;
extern const struct schema_type core_v1_topology_spread_constraint;
extern const struct schema_type core_v1_weighted_pod_affinity_term;

/* core_v1_container.c */
extern const struct schema_type core_v1_capabilities;
extern const struct schema_type core_v1_config_map_env_source;
extern const struct schema_type core_v1_config_map_key_selector;
extern const struct schema_type core_v1_container;
extern const struct schema_type core_v1_container_port;
extern const struct schema_type core_v1_container_resize_policy;
extern const struct schema_type core_v1_container_restart_rule;
extern const struct schema_type core_v1_container_restart_rule_on_exit_codes;
extern const struct schema_type core_v1_env_from_source;
extern const struct schema_type core_v1_env_var;
extern const struct schema_type core_v1_env_var_source;
extern const struct schema_type core_v1_ephemeral_container;
extern const struct schema_type core_v1_exec_action;
extern const struct schema_type core_v1_file_key_selector;
extern const struct schema_type core_v1_grpc_action;
extern const struct schema_type core_v1_http_get_action;
extern const struct schema_type core_v1_http_header;
extern const struct schema_type core_v1_lifecycle;
extern const struct schema_type core_v1_lifecycle_handler;
extern const struct schema_type core_v1_object_field_selector;
extern const struct schema_type core_v1_probe;
extern const struct schema_type core_v1_resource_claim;
extern const struct schema_type core_v1_resource_field_selector;
extern const struct schema_type core_v1_resource_requirements;
extern const struct schema_type core_v1_secret_env_source;
extern const struct schema_type core_v1_secret_key_selector;
extern const struct schema_type core_v1_security_context;
extern const struct schema_type core_v1_sleep_action;
extern const struct schema_type core_v1_tcp_socket_action;
extern const struct schema_type core_v1_volume_device;
extern const struct schema_type core_v1_volume_mount;

/* core_v1_container_status.c */
extern const struct schema_type core_v1_container_state;
extern const struct schema_type core_v1_container_state_running;
extern const struct schema_type core_v1_container_state_terminated;
extern const struct schema_type core_v1_container_state_waiting;
extern const struct schema_type core_v1_container_status;
extern const struct schema_type core_v1_container_user;
extern const struct schema_type core_v1_image_volume_status;
extern const struct schema_type core_v1_linux_container_user;
extern const struct schema_type core_v1_resource_health;
extern const struct schema_type core_v1_resource_status;
extern const struct schema_type core_v1_volume_mount_status;
extern const struct schema_type core_v1_volume_status;

/* core_v1_node.c */
extern const struct schema_type core_v1_attached_volume;
extern const struct schema_type core_v1_config_map_node_config_source;
extern const struct schema_type core_v1_container_image;
extern const struct schema_type core_v1_daemon_endpoint;
extern const struct schema_type core_v1_node;
extern const struct schema_type core_v1_node_address;
extern const struct schema_type core_v1_node_allocatable_mapped_resources;
extern const struct schema_type core_v1_node_allocatable_overhead_resources;
extern const struct schema_type core_v1_node_allocatable_resource_claim_status;
extern const struct schema_type core_v1_node_condition;
extern const struct schema_type core_v1_node_config_source;
extern const struct schema_type core_v1_node_config_status;
extern const struct schema_type core_v1_node_daemon_endpoints;
extern const struct schema_type core_v1_node_features;
extern const struct schema_type core_v1_node_pod_preemption_policy;
extern const struct schema_type core_v1_node_runtime_handler;
extern const struct schema_type core_v1_node_runtime_handler_features;
extern const struct schema_type core_v1_node_spec;
extern const struct schema_type core_v1_node_status;
extern const struct schema_type core_v1_node_swap_status;
extern const struct schema_type core_v1_node_system_info;
extern const struct schema_type core_v1_taint;

/* core_v1_object.c */
extern const struct schema_type core_v1_binding;
extern const struct schema_type core_v1_config_map;
extern const struct schema_type core_v1_event;
extern const struct schema_type core_v1_event_series;
extern const struct schema_type core_v1_event_source;
extern const struct schema_type core_v1_local_object_reference;
extern const struct schema_type core_v1_namespace;
extern const struct schema_type core_v1_namespace_condition;
extern const struct schema_type core_v1_namespace_spec;
extern const struct schema_type core_v1_namespace_status;
extern const struct schema_type core_v1_object_reference;
extern const struct schema_type core_v1_secret;
extern const struct schema_type core_v1_service_account;

/* core_v1_pod.c */
extern const struct schema_type core_v1_app_armor_profile;
extern const struct schema_type core_v1_container_extended_resource_request;
extern const struct schema_type core_v1_eviction_responder;
extern const struct schema_type core_v1_host_alias;
extern const struct schema_type core_v1_host_ip;
extern const struct schema_type core_v1_pod;
extern const struct schema_type core_v1_pod_condition;
extern const struct schema_type core_v1_pod_dns_config;
extern const struct schema_type core_v1_pod_dns_config_option;
extern const struct schema_type core_v1_pod_extended_resource_claim_status;
extern const struct schema_type core_v1_pod_ip;
extern const struct schema_type core_v1_pod_os;
extern const struct schema_type core_v1_pod_readiness_gate;
extern const struct schema_type core_v1_pod_resource_claim;
extern const struct schema_type core_v1_pod_resource_claim_status;
extern const struct schema_type core_v1_pod_scheduling_gate;
extern const struct schema_type core_v1_pod_scheduling_group;
extern const struct schema_type core_v1_pod_security_context;
extern const struct schema_type core_v1_pod_spec;
extern const struct schema_type core_v1_pod_status;
extern const struct schema_type core_v1_pod_template;
extern const struct schema_type core_v1_pod_template_spec;
extern const struct schema_type core_v1_se_linux_options;
extern const struct schema_type core_v1_seccomp_profile;
extern const struct schema_type core_v1_sysctl;
extern const struct schema_type core_v1_windows_security_context_options;

/* core_v1_service.c */
extern const struct schema_type core_v1_client_ip_config;
extern const struct schema_type core_v1_endpoint_address;
extern const struct schema_type core_v1_endpoint_port;
extern const struct schema_type core_v1_endpoint_subset;
extern const struct schema_type core_v1_endpoints;
extern const struct schema_type core_v1_load_balancer_ingress;
extern const struct schema_type core_v1_load_balancer_status;
extern const struct schema_type core_v1_port_status;
extern const struct schema_type core_v1_service;
extern const struct schema_type core_v1_service_port;
extern const struct schema_type core_v1_service_spec;
extern const struct schema_type core_v1_service_status;
extern const struct schema_type core_v1_session_affinity_config;

/* core_v1_volume.c */
extern const struct schema_type core_v1_aws_elastic_block_store_volume_source;
extern const struct schema_type core_v1_azure_disk_volume_source;
extern const struct schema_type core_v1_azure_file_volume_source;
extern const struct schema_type core_v1_ceph_fs_volume_source;
extern const struct schema_type core_v1_cinder_volume_source;
extern const struct schema_type core_v1_cluster_trust_bundle_projection;
extern const struct schema_type core_v1_config_map_projection;
extern const struct schema_type core_v1_config_map_volume_source;
extern const struct schema_type core_v1_csi_volume_source;
extern const struct schema_type core_v1_downward_api_projection;
extern const struct schema_type core_v1_downward_api_volume_file;
extern const struct schema_type core_v1_downward_api_volume_source;
extern const struct schema_type core_v1_empty_dir_volume_source;
extern const struct schema_type core_v1_ephemeral_volume_source;
extern const struct schema_type core_v1_fc_volume_source;
extern const struct schema_type core_v1_flex_volume_source;
extern const struct schema_type core_v1_flocker_volume_source;
extern const struct schema_type core_v1_gce_persistent_disk_volume_source;
extern const struct schema_type core_v1_git_repo_volume_source;
extern const struct schema_type core_v1_glusterfs_volume_source;
extern const struct schema_type core_v1_host_path_volume_source;
extern const struct schema_type core_v1_image_volume_source;
extern const struct schema_type core_v1_iscsi_volume_source;
extern const struct schema_type core_v1_key_to_path;
extern const struct schema_type core_v1_nfs_volume_source;
extern const struct schema_type core_v1_persistent_volume_claim_spec;
extern const struct schema_type core_v1_persistent_volume_claim_template;
extern const struct schema_type core_v1_persistent_volume_claim_volume_source;
extern const struct schema_type core_v1_photon_persistent_disk_volume_source;
extern const struct schema_type core_v1_pod_certificate_projection;
extern const struct schema_type core_v1_pod_volume_health;
extern const struct schema_type core_v1_portworx_volume_source;
extern const struct schema_type core_v1_projected_volume_source;
extern const struct schema_type core_v1_quobyte_volume_source;
extern const struct schema_type core_v1_rbd_volume_source;
extern const struct schema_type core_v1_scale_io_volume_source;
extern const struct schema_type core_v1_secret_projection;
extern const struct schema_type core_v1_secret_volume_source;
extern const struct schema_type core_v1_service_account_token_projection;
extern const struct schema_type core_v1_storage_os_volume_source;
extern const struct schema_type core_v1_typed_local_object_reference;
extern const struct schema_type core_v1_typed_object_reference;
extern const struct schema_type core_v1_volume;
extern const struct schema_type core_v1_volume_health_condition;
extern const struct schema_type core_v1_volume_projection;
extern const struct schema_type core_v1_volume_resource_requirements;
extern const struct schema_type core_v1_vsphere_virtual_disk_volume_source;

/* discovery_v1.c */
extern const struct schema_type discovery_v1_endpoint;
extern const struct schema_type discovery_v1_endpoint_conditions;
extern const struct schema_type discovery_v1_endpoint_hints;
extern const struct schema_type discovery_v1_endpoint_port;
extern const struct schema_type discovery_v1_endpoint_slice;
extern const struct schema_type discovery_v1_for_node;
extern const struct schema_type discovery_v1_for_zone;

/* meta_v1.c */
extern const struct schema_type meta_v1_condition;
extern const struct schema_type meta_v1_delete_options;
extern const struct schema_type policy_v1_eviction;
extern const struct schema_type meta_v1_field_selector_requirement;
extern const struct schema_type meta_v1_label_selector;
extern const struct schema_type meta_v1_label_selector_requirement;
extern const struct schema_type meta_v1_list_meta;
extern const struct schema_type meta_v1_managed_fields_entry;
extern const struct schema_type meta_v1_object_meta;
extern const struct schema_type meta_v1_owner_reference;
extern const struct schema_type meta_v1_preconditions;
extern const struct schema_type meta_v1_shard_info;
extern const struct schema_type meta_v1_status;
extern const struct schema_type meta_v1_status_cause;
extern const struct schema_type meta_v1_status_details;
