/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: volumes of a Pod and what they name. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field host_path_volume_source_fields[] = {
	ONE(STRING, "path", 1, NEEDED | REQUIRED | ALWAYS, RULE(rule_no_dots)),
	ONE(STRING, "type", 2, PTR, DEFAULT_STR(""),
	    ENUM_ONLY(""
		      "",
		      "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File",
		      "FileOrCreate", "Socket")),
};
TYPE(core_v1_host_path_volume_source, "core.v1.HostPathVolumeSource",
     host_path_volume_source_fields);

static const struct schema_field empty_dir_volume_source_fields[] = {
	ONE(STRING, "medium", 1, 0),
	ONE(QUANTITY, "sizeLimit", 2, PTR),
	ONE(INT32, "mode", 3, PTR | GATED_OFF),
};
TYPE(core_v1_empty_dir_volume_source, "core.v1.EmptyDirVolumeSource",
     empty_dir_volume_source_fields, .check = empty_dir_check);

static const struct schema_field gce_persistent_disk_volume_source_fields[] = {
	ONE(STRING, "pdName", 1, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 2, 0),
	ONE(INT32, "partition", 3, 0),
	ONE(BOOL, "readOnly", 4, 0),
};
TYPE(core_v1_gce_persistent_disk_volume_source, "core.v1.GCEPersistentDiskVolumeSource",
     gce_persistent_disk_volume_source_fields);

static const struct schema_field aws_elastic_block_store_volume_source_fields[] = {
	ONE(STRING, "volumeID", 1, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 2, 0),
	ONE(INT32, "partition", 3, 0),
	ONE(BOOL, "readOnly", 4, 0),
};
TYPE(core_v1_aws_elastic_block_store_volume_source, "core.v1.AWSElasticBlockStoreVolumeSource",
     aws_elastic_block_store_volume_source_fields);

static const struct schema_field git_repo_volume_source_fields[] = {
	ONE(STRING, "repository", 1, REQUIRED | ALWAYS),
	ONE(STRING, "revision", 2, 0),
	ONE(STRING, "directory", 3, 0),
};
TYPE(core_v1_git_repo_volume_source, "core.v1.GitRepoVolumeSource", git_repo_volume_source_fields);

static const struct schema_field key_to_path_fields[] = {
	ONE(STRING, "key", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(STRING, "path", 2, NEEDED | REQUIRED | ALWAYS, RULE(rule_inside)),
	ONE(INT32, "mode", 3, PTR, FILE_MODE),
	ONE(INT64, "user", 4, PTR | GATED_OFF),
};
TYPE(core_v1_key_to_path, "core.v1.KeyToPath", key_to_path_fields);

static const struct schema_field secret_volume_source_fields[] = {
	ONE(STRING, "secretName", 1, NEEDED),
	REFS(core_v1_key_to_path, "items", 2, ATOMIC),
	ONE(INT32, "defaultMode", 3, PTR, DEFAULT("420"), FILE_MODE),
	ONE(BOOL, "optional", 4, PTR),
	ONE(INT64, "defaultUser", 5, PTR | GATED_OFF),
};
TYPE(core_v1_secret_volume_source, "core.v1.SecretVolumeSource", secret_volume_source_fields);

static const struct schema_field nfs_volume_source_fields[] = {
	ONE(STRING, "server", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(STRING, "path", 2, NEEDED | REQUIRED | ALWAYS, RULE(rule_absolute)),
	ONE(BOOL, "readOnly", 3, 0),
};
TYPE(core_v1_nfs_volume_source, "core.v1.NFSVolumeSource", nfs_volume_source_fields);

static const struct schema_field iscsi_volume_source_fields[] = {
	ONE(STRING, "targetPortal", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(STRING, "iqn", 2, NEEDED | REQUIRED | ALWAYS),
	ONE(INT32, "lun", 3, REQUIRED | ALWAYS),
	ONE(STRING, "iscsiInterface", 4, 0, DEFAULT_STR("default")),
	ONE(STRING, "fsType", 5, 0),
	ONE(BOOL, "readOnly", 6, 0),
	LIST(STRING, "portals", 7, ATOMIC),
	ONE(BOOL, "chapAuthDiscovery", 8, 0),
	ONE(BOOL, "chapAuthSession", 11, 0),
	REF(core_v1_local_object_reference, "secretRef", 10, PTR),
	ONE(STRING, "initiatorName", 12, PTR),
};
TYPE(core_v1_iscsi_volume_source, "core.v1.ISCSIVolumeSource", iscsi_volume_source_fields);

static const struct schema_field glusterfs_volume_source_fields[] = {
	ONE(STRING, "endpoints", 1, REQUIRED | ALWAYS),
	ONE(STRING, "path", 2, REQUIRED | ALWAYS),
	ONE(BOOL, "readOnly", 3, 0),
};
TYPE(core_v1_glusterfs_volume_source, "core.v1.GlusterfsVolumeSource",
     glusterfs_volume_source_fields);

static const struct schema_field persistent_volume_claim_volume_source_fields[] = {
	ONE(STRING, "claimName", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(BOOL, "readOnly", 2, 0),
};
TYPE(core_v1_persistent_volume_claim_volume_source, "core.v1.PersistentVolumeClaimVolumeSource",
     persistent_volume_claim_volume_source_fields);

static const struct schema_field rbd_volume_source_fields[] = {
	LIST(STRING, "monitors", 1, REQUIRED | ALWAYS | ATOMIC),
	ONE(STRING, "image", 2, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 3, 0),
	ONE(STRING, "pool", 4, 0, DEFAULT_STR("rbd")),
	ONE(STRING, "user", 5, 0, DEFAULT_STR("admin")),
	ONE(STRING, "keyring", 6, 0, DEFAULT_STR("/etc/ceph/keyring")),
	REF(core_v1_local_object_reference, "secretRef", 7, PTR),
	ONE(BOOL, "readOnly", 8, 0),
};
TYPE(core_v1_rbd_volume_source, "core.v1.RBDVolumeSource", rbd_volume_source_fields);

static const struct schema_field flex_volume_source_fields[] = {
	ONE(STRING, "driver", 1, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 2, 0),
	REF(core_v1_local_object_reference, "secretRef", 3, PTR),
	ONE(BOOL, "readOnly", 4, 0),
	MAP(STRING, "options", 5, 0),
};
TYPE(core_v1_flex_volume_source, "core.v1.FlexVolumeSource", flex_volume_source_fields);

static const struct schema_field cinder_volume_source_fields[] = {
	ONE(STRING, "volumeID", 1, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 2, 0),
	ONE(BOOL, "readOnly", 3, 0),
	REF(core_v1_local_object_reference, "secretRef", 4, PTR),
};
TYPE(core_v1_cinder_volume_source, "core.v1.CinderVolumeSource", cinder_volume_source_fields);

static const struct schema_field ceph_fs_volume_source_fields[] = {
	LIST(STRING, "monitors", 1, REQUIRED | ALWAYS | ATOMIC),
	ONE(STRING, "path", 2, 0),
	ONE(STRING, "user", 3, 0),
	ONE(STRING, "secretFile", 4, 0),
	REF(core_v1_local_object_reference, "secretRef", 5, PTR),
	ONE(BOOL, "readOnly", 6, 0),
};
TYPE(core_v1_ceph_fs_volume_source, "core.v1.CephFSVolumeSource", ceph_fs_volume_source_fields);

static const struct schema_field flocker_volume_source_fields[] = {
	ONE(STRING, "datasetName", 1, 0),
	ONE(STRING, "datasetUUID", 2, 0),
};
TYPE(core_v1_flocker_volume_source, "core.v1.FlockerVolumeSource", flocker_volume_source_fields);

static const struct schema_field downward_api_volume_file_fields[] = {
	ONE(STRING, "path", 1, REQUIRED | ALWAYS),
	REF(core_v1_object_field_selector, "fieldRef", 2, PTR),
	REF(core_v1_resource_field_selector, "resourceFieldRef", 3, PTR),
	ONE(INT32, "mode", 4, PTR, FILE_MODE),
	ONE(INT64, "user", 5, PTR | GATED_OFF),
};
TYPE(core_v1_downward_api_volume_file, "core.v1.DownwardAPIVolumeFile",
     downward_api_volume_file_fields);

static const struct schema_field downward_api_volume_source_fields[] = {
	REFS(core_v1_downward_api_volume_file, "items", 1, ATOMIC),
	ONE(INT32, "defaultMode", 2, PTR, DEFAULT("420"), FILE_MODE),
	ONE(INT64, "defaultUser", 3, PTR | GATED_OFF),
};
TYPE(core_v1_downward_api_volume_source, "core.v1.DownwardAPIVolumeSource",
     downward_api_volume_source_fields, .check = downward_file_check);

static const struct schema_field fc_volume_source_fields[] = {
	LIST(STRING, "targetWWNs", 1, ATOMIC), ONE(INT32, "lun", 2, PTR),
	ONE(STRING, "fsType", 3, 0),	       ONE(BOOL, "readOnly", 4, 0),
	LIST(STRING, "wwids", 5, ATOMIC),
};
TYPE(core_v1_fc_volume_source, "core.v1.FCVolumeSource", fc_volume_source_fields);

static const struct schema_field azure_file_volume_source_fields[] = {
	ONE(STRING, "secretName", 1, REQUIRED | ALWAYS),
	ONE(STRING, "shareName", 2, REQUIRED | ALWAYS),
	ONE(BOOL, "readOnly", 3, 0),
};
TYPE(core_v1_azure_file_volume_source, "core.v1.AzureFileVolumeSource",
     azure_file_volume_source_fields);

static const struct schema_field config_map_volume_source_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED),
	REFS(core_v1_key_to_path, "items", 2, ATOMIC),
	ONE(INT32, "defaultMode", 3, PTR, DEFAULT("420"), FILE_MODE),
	ONE(BOOL, "optional", 4, PTR),
	ONE(INT64, "defaultUser", 5, PTR | GATED_OFF),
};
TYPE(core_v1_config_map_volume_source, "core.v1.ConfigMapVolumeSource",
     config_map_volume_source_fields, .embeds = "LocalObjectReference");

static const struct schema_field vsphere_virtual_disk_volume_source_fields[] = {
	ONE(STRING, "volumePath", 1, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 2, 0),
	ONE(STRING, "storagePolicyName", 3, 0),
	ONE(STRING, "storagePolicyID", 4, 0),
};
TYPE(core_v1_vsphere_virtual_disk_volume_source, "core.v1.VsphereVirtualDiskVolumeSource",
     vsphere_virtual_disk_volume_source_fields);

static const struct schema_field quobyte_volume_source_fields[] = {
	ONE(STRING, "registry", 1, REQUIRED | ALWAYS),
	ONE(STRING, "volume", 2, REQUIRED | ALWAYS),
	ONE(BOOL, "readOnly", 3, 0),
	ONE(STRING, "user", 4, 0),
	ONE(STRING, "group", 5, 0),
	ONE(STRING, "tenant", 6, 0),
};
TYPE(core_v1_quobyte_volume_source, "core.v1.QuobyteVolumeSource", quobyte_volume_source_fields);

static const struct schema_field azure_disk_volume_source_fields[] = {
	ONE(STRING, "diskName", 1, REQUIRED | ALWAYS),
	ONE(STRING, "diskURI", 2, REQUIRED | ALWAYS),
	ONE(STRING, "cachingMode", 3, PTR, DEFAULT_STR("ReadWrite"),
	    ENUM("None", "ReadOnly", "ReadWrite")),
	ONE(STRING, "fsType", 4, PTR, DEFAULT_STR("ext4")),
	ONE(BOOL, "readOnly", 5, PTR, DEFAULT("false")),
	ONE(STRING, "kind", 6, PTR, DEFAULT_STR("Shared"), ENUM("Dedicated", "Managed", "Shared")),
};
TYPE(core_v1_azure_disk_volume_source, "core.v1.AzureDiskVolumeSource",
     azure_disk_volume_source_fields);

static const struct schema_field photon_persistent_disk_volume_source_fields[] = {
	ONE(STRING, "pdID", 1, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 2, 0),
};
TYPE(core_v1_photon_persistent_disk_volume_source, "core.v1.PhotonPersistentDiskVolumeSource",
     photon_persistent_disk_volume_source_fields);

static const struct schema_field secret_projection_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED),
	REFS(core_v1_key_to_path, "items", 2, ATOMIC),
	ONE(BOOL, "optional", 4, PTR),
};
TYPE(core_v1_secret_projection, "core.v1.SecretProjection", secret_projection_fields,
     .embeds = "LocalObjectReference");

static const struct schema_field downward_api_projection_fields[] = {
	REFS(core_v1_downward_api_volume_file, "items", 1, ATOMIC),
};
TYPE(core_v1_downward_api_projection, "core.v1.DownwardAPIProjection",
     downward_api_projection_fields, .check = downward_file_check);

static const struct schema_field config_map_projection_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED),
	REFS(core_v1_key_to_path, "items", 2, ATOMIC),
	ONE(BOOL, "optional", 4, PTR),
};
TYPE(core_v1_config_map_projection, "core.v1.ConfigMapProjection", config_map_projection_fields,
     .embeds = "LocalObjectReference");

static const struct schema_field service_account_token_projection_fields[] = {
	ONE(STRING, "audience", 1, 0),
	ONE(INT64, "expirationSeconds", 2, PTR, DEFAULT("3600"),
	    RANGE(600, (int64_t)1 << 32, "may not specify a duration less than 10 minutes")),
	ONE(STRING, "path", 3, NEEDED | REQUIRED | ALWAYS, RULE(rule_inside)),
	ONE(INT64, "user", 4, PTR | GATED_OFF),
};
TYPE(core_v1_service_account_token_projection, "core.v1.ServiceAccountTokenProjection",
     service_account_token_projection_fields);

static const struct schema_field cluster_trust_bundle_projection_fields[] = {
	ONE(STRING, "name", 1, PTR),
	ONE(STRING, "signerName", 2, PTR),
	REF(meta_v1_label_selector, "labelSelector", 3, PTR),
	ONE(BOOL, "optional", 5, PTR),
	ONE(STRING, "path", 4, REQUIRED | ALWAYS),
	ONE(INT64, "user", 6, PTR | GATED_OFF),
};
TYPE(core_v1_cluster_trust_bundle_projection, "core.v1.ClusterTrustBundleProjection",
     cluster_trust_bundle_projection_fields);

static const struct schema_field pod_certificate_projection_fields[] = {
	ONE(STRING, "signerName", 1, REQUIRED),
	ONE(STRING, "keyType", 2, REQUIRED),
	ONE(INT32, "maxExpirationSeconds", 3, PTR),
	ONE(STRING, "credentialBundlePath", 4, 0),
	ONE(STRING, "keyPath", 5, 0),
	ONE(STRING, "certificateChainPath", 6, 0),
	MAP(STRING, "userAnnotations", 7, 0),
	ONE(INT64, "user", 8, PTR | GATED_OFF),
};
TYPE(core_v1_pod_certificate_projection, "core.v1.PodCertificateProjection",
     pod_certificate_projection_fields);

static const struct schema_field volume_projection_fields[] = {
	REF(core_v1_secret_projection, "secret", 1, PTR),
	REF(core_v1_downward_api_projection, "downwardAPI", 2, PTR),
	REF(core_v1_config_map_projection, "configMap", 3, PTR),
	REF(core_v1_service_account_token_projection, "serviceAccountToken", 4, PTR),
	REF(core_v1_cluster_trust_bundle_projection, "clusterTrustBundle", 5, PTR),
	REF(core_v1_pod_certificate_projection, "podCertificate", 6, PTR),
};
TYPE(core_v1_volume_projection, "core.v1.VolumeProjection", volume_projection_fields,
     .check = projection_check);

static const struct schema_field projected_volume_source_fields[] = {
	REFS(core_v1_volume_projection, "sources", 1, ALWAYS | ATOMIC),
	ONE(INT32, "defaultMode", 2, PTR, DEFAULT("420"), FILE_MODE),
	ONE(INT64, "defaultUser", 3, PTR | GATED_OFF),
};
TYPE(core_v1_projected_volume_source, "core.v1.ProjectedVolumeSource",
     projected_volume_source_fields);

static const struct schema_field portworx_volume_source_fields[] = {
	ONE(STRING, "volumeID", 1, REQUIRED | ALWAYS),
	ONE(STRING, "fsType", 2, 0),
	ONE(BOOL, "readOnly", 3, 0),
};
TYPE(core_v1_portworx_volume_source, "core.v1.PortworxVolumeSource", portworx_volume_source_fields);

static const struct schema_field scale_io_volume_source_fields[] = {
	ONE(STRING, "gateway", 1, REQUIRED | ALWAYS),
	ONE(STRING, "system", 2, REQUIRED | ALWAYS),
	REF(core_v1_local_object_reference, "secretRef", 3, REQUIRED | ALWAYS | PTR),
	ONE(BOOL, "sslEnabled", 4, 0),
	ONE(STRING, "protectionDomain", 5, 0),
	ONE(STRING, "storagePool", 6, 0),
	ONE(STRING, "storageMode", 7, 0, DEFAULT_STR("ThinProvisioned")),
	ONE(STRING, "volumeName", 8, 0),
	ONE(STRING, "fsType", 9, 0, DEFAULT_STR("xfs")),
	ONE(BOOL, "readOnly", 10, 0),
};
TYPE(core_v1_scale_io_volume_source, "core.v1.ScaleIOVolumeSource", scale_io_volume_source_fields);

static const struct schema_field storage_os_volume_source_fields[] = {
	ONE(STRING, "volumeName", 1, 0),
	ONE(STRING, "volumeNamespace", 2, 0),
	ONE(STRING, "fsType", 3, 0),
	ONE(BOOL, "readOnly", 4, 0),
	REF(core_v1_local_object_reference, "secretRef", 5, PTR),
};
TYPE(core_v1_storage_os_volume_source, "core.v1.StorageOSVolumeSource",
     storage_os_volume_source_fields);

static const struct schema_field csi_volume_source_fields[] = {
	ONE(STRING, "driver", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(BOOL, "readOnly", 2, PTR),
	ONE(STRING, "fsType", 3, PTR),
	MAP(STRING, "volumeAttributes", 4, 0),
	REF(core_v1_local_object_reference, "nodePublishSecretRef", 5, PTR),
};
TYPE(core_v1_csi_volume_source, "core.v1.CSIVolumeSource", csi_volume_source_fields);

static const struct schema_field volume_resource_requirements_fields[] = {
	MAP(QUANTITY, "limits", 1, 0),
	MAP(QUANTITY, "requests", 2, 0),
};
TYPE(core_v1_volume_resource_requirements, "core.v1.VolumeResourceRequirements",
     volume_resource_requirements_fields);

static const struct schema_field typed_local_object_reference_fields[] = {
	ONE(STRING, "apiGroup", 1, ALWAYS | PTR),
	ONE(STRING, "kind", 2, REQUIRED | ALWAYS),
	ONE(STRING, "name", 3, REQUIRED | ALWAYS),
};
TYPE(core_v1_typed_local_object_reference, "core.v1.TypedLocalObjectReference",
     typed_local_object_reference_fields, .atomic = true);

static const struct schema_field typed_object_reference_fields[] = {
	ONE(STRING, "apiGroup", 1, ALWAYS | PTR),
	ONE(STRING, "kind", 2, REQUIRED | ALWAYS),
	ONE(STRING, "name", 3, REQUIRED | ALWAYS),
	ONE(STRING, "namespace", 4, PTR | GATED_OFF),
};
TYPE(core_v1_typed_object_reference, "core.v1.TypedObjectReference", typed_object_reference_fields);

static const struct schema_field persistent_volume_claim_spec_fields[] = {
	LIST(STRING, "accessModes", 1, ATOMIC,
	     ENUM("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")),
	REF(meta_v1_label_selector, "selector", 4, PTR),
	REF(core_v1_volume_resource_requirements, "resources", 2, ALWAYS),
	ONE(STRING, "volumeName", 3, 0),
	ONE(STRING, "storageClassName", 5, PTR),
	ONE(STRING, "volumeMode", 6, PTR, DEFAULT_STR("Filesystem"), ENUM("Block", "Filesystem")),
	REF(core_v1_typed_local_object_reference, "dataSource", 7, PTR),
	REF(core_v1_typed_object_reference, "dataSourceRef", 8, PTR),
	ONE(STRING, "volumeAttributesClassName", 9, PTR),
};
TYPE(core_v1_persistent_volume_claim_spec, "core.v1.PersistentVolumeClaimSpec",
     persistent_volume_claim_spec_fields);

static const struct schema_field persistent_volume_claim_template_fields[] = {
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_persistent_volume_claim_spec, "spec", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_persistent_volume_claim_template, "core.v1.PersistentVolumeClaimTemplate",
     persistent_volume_claim_template_fields);

static const struct schema_field ephemeral_volume_source_fields[] = {
	REF(core_v1_persistent_volume_claim_template, "volumeClaimTemplate", 1, NEEDED | PTR),
};
TYPE(core_v1_ephemeral_volume_source, "core.v1.EphemeralVolumeSource",
     ephemeral_volume_source_fields);

static const struct schema_field image_volume_source_fields[] = {
	ONE(STRING, "reference", 1, NEEDED),
	ONE(STRING, "pullPolicy", 2, 0, ENUM_ONLY("Always", "IfNotPresent", "Never")),
};
TYPE(core_v1_image_volume_source, "core.v1.ImageVolumeSource", image_volume_source_fields);

static const struct schema_field volume_fields[] = {
	ONE(STRING, "name", 1, NEEDED | REQUIRED | ALWAYS, RULE(rule_label)),
	REF(core_v1_host_path_volume_source, "hostPath", IN(2, 1), PTR),
	REF(core_v1_empty_dir_volume_source, "emptyDir", IN(2, 2), PTR),
	REF(core_v1_gce_persistent_disk_volume_source, "gcePersistentDisk", IN(2, 3), PTR),
	REF(core_v1_aws_elastic_block_store_volume_source, "awsElasticBlockStore", IN(2, 4), PTR),
	REF(core_v1_git_repo_volume_source, "gitRepo", IN(2, 5), PTR),
	REF(core_v1_secret_volume_source, "secret", IN(2, 6), PTR),
	REF(core_v1_nfs_volume_source, "nfs", IN(2, 7), PTR),
	REF(core_v1_iscsi_volume_source, "iscsi", IN(2, 8), PTR),
	REF(core_v1_glusterfs_volume_source, "glusterfs", IN(2, 9), PTR),
	REF(core_v1_persistent_volume_claim_volume_source, "persistentVolumeClaim", IN(2, 10), PTR),
	REF(core_v1_rbd_volume_source, "rbd", IN(2, 11), PTR),
	REF(core_v1_flex_volume_source, "flexVolume", IN(2, 12), PTR),
	REF(core_v1_cinder_volume_source, "cinder", IN(2, 13), PTR),
	REF(core_v1_ceph_fs_volume_source, "cephfs", IN(2, 14), PTR),
	REF(core_v1_flocker_volume_source, "flocker", IN(2, 15), PTR),
	REF(core_v1_downward_api_volume_source, "downwardAPI", IN(2, 16), PTR),
	REF(core_v1_fc_volume_source, "fc", IN(2, 17), PTR),
	REF(core_v1_azure_file_volume_source, "azureFile", IN(2, 18), PTR),
	REF(core_v1_config_map_volume_source, "configMap", IN(2, 19), PTR),
	REF(core_v1_vsphere_virtual_disk_volume_source, "vsphereVolume", IN(2, 20), PTR),
	REF(core_v1_quobyte_volume_source, "quobyte", IN(2, 21), PTR),
	REF(core_v1_azure_disk_volume_source, "azureDisk", IN(2, 22), PTR),
	REF(core_v1_photon_persistent_disk_volume_source, "photonPersistentDisk", IN(2, 23), PTR),
	REF(core_v1_projected_volume_source, "projected", IN(2, 26), PTR),
	REF(core_v1_portworx_volume_source, "portworxVolume", IN(2, 24), PTR),
	REF(core_v1_scale_io_volume_source, "scaleIO", IN(2, 25), PTR),
	REF(core_v1_storage_os_volume_source, "storageos", IN(2, 27), PTR),
	REF(core_v1_csi_volume_source, "csi", IN(2, 28), PTR),
	REF(core_v1_ephemeral_volume_source, "ephemeral", IN(2, 29), PTR),
	REF(core_v1_image_volume_source, "image", IN(2, 30), PTR),
};
TYPE(core_v1_volume, "core.v1.Volume", volume_fields, .embeds = "VolumeSource",
     .check = volume_check);

static const struct schema_field volume_health_condition_fields[] = {
	ONE(STRING, "status", 1, REQUIRED | ALWAYS, ENUM("DataLoss", "Degraded", "Inaccessible")),
	ONE(STRING, "reason", 2, REQUIRED | ALWAYS),
	ONE(STRING, "message", 3, 0),
};
TYPE(core_v1_volume_health_condition, "core.v1.VolumeHealthCondition",
     volume_health_condition_fields);

static const struct schema_field pod_volume_health_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	REFS(core_v1_volume_health_condition, "healthConditions", 2,
	     KEYED_BY("status", "status,reason")),
	ONE(TIME, "lastTransitionTime", 3, ALWAYS),
};
TYPE(core_v1_pod_volume_health, "core.v1.PodVolumeHealth", pod_volume_health_fields);
