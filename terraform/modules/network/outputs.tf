output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Addresses of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "subnet_ids" {
  description = "Ids of the subnets, by `public` and `private`."
  value = {
    public  = [for zone in var.zones : aws_subnet.public[zone].id]
    private = [for zone in var.zones : aws_subnet.private[zone].id]
  }

  # whoever starts an instance there wants the way out to exist
  depends_on = [aws_route.internet, aws_route.nat]
}
