"""A local Kubernetes for the demo and the tests, behind one command."""
