# Secrets without their values: whoever reads the state learns nothing.

resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.name}/${each.key}"
  description             = "${each.value.description} JSON with: ${join(", ", each.value.settings)}."
  recovery_window_in_days = var.recovery_days
}
