"""The service: app, settings, CLI, sign-in and access, payments, HTTP resources."""
