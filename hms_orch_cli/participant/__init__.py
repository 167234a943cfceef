"""The services that steps call: where they are, what is sent to them, what their answers say."""
