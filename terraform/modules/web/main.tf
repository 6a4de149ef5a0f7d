# The portal's front: a load balancer that ends TLS and knows which instances are well. Its fleet is made by `fleet`.

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "Who may open the portal"
  vpc_id      = var.network.vpc_id

  tags = { Name = "${var.name}-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "people" {
  for_each = { for pair in setproduct(var.allowed_cidrs, [80, 443]) : "${pair[0]}:${pair[1]}" => { cidr = pair[0], port = pair[1] } }

  security_group_id = aws_security_group.balancer.id
  description       = "People, by ${each.value.port == 443 ? "HTTPS" : "HTTP, which is sent on to HTTPS"}"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "portal" {
  security_group_id = aws_security_group.balancer.id
  description       = "Instances of the portal"
  cidr_ipv4         = var.network.cidr
  ip_protocol       = "tcp"
  from_port         = var.port
  to_port           = var.port
}

resource "aws_lb" "this" {
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.network.subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  idle_timeout               = var.idle_seconds
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection

  access_logs {
    bucket  = var.log_bucket
    prefix  = "alb"
    enabled = true
  }
}

resource "aws_lb_target_group" "this" {
  name                 = var.name
  vpc_id               = var.network.vpc_id
  port                 = var.port
  protocol             = "HTTP"
  deregistration_delay = var.drain_seconds
  # live pages hold connections for long, so counting requests would load some instances more than others
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = var.health_path
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = local.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}
