//go:build tools

// Package k8s pins Kubernetes' own kubectl, the judge of ours and of the server.
package k8s

import _ "k8s.io/kubernetes/cmd/kubectl"
