# SPDX-License-Identifier: MIT
"""The dump of two small tables that tests of old backups pack, cut and damage."""
DUMP = """-- MariaDB dump 10.19
CREATE TABLE `accounts` (`id` int NOT NULL, `name` varchar(20), PRIMARY KEY (`id`));
INSERT INTO `accounts` VALUES (2,'b'),(1,NULL),(3,'');
CREATE TABLE `empty` (`id` int NOT NULL, PRIMARY KEY (`id`));
-- Dump completed on 2019-03-01  2:00:00
"""
ACCOUNTS = b'id,name\n1,\n2,b\n3,""\n'
