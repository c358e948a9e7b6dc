SELECT c_discount, c_last, c_credit, w_tax FROM customer, warehouse WHERE w_id = ? AND c_w_id = w_id AND c_d_id = ? AND c_id = ?
----
SELECT d_next_o_id, d_tax FROM district WHERE d_id = ? AND d_w_id = ? FOR UPDATE
----
UPDATE district SET d_next_o_id = ? + 1 WHERE d_id = ? AND d_w_id = ?
----
INSERT INTO orders1 (o_id, o_d_id, o_w_id, o_c_id, o_entry_d, o_ol_cnt, o_all_local)
     VALUES (3001,4,1,17,NOW(),9,1)
----
INSERT INTO new_order (no_o_id, no_d_id, no_w_id) VALUES (?, ?, ?)
----
SELECT i_price, i_name, i_data, i_id FROM item WHERE i_id IN (?,?,?,?,?,?,?,?)
----
SELECT s_i_id, s_quantity, s_data, s_dist_01 FROM stock WHERE (s_w_id, s_i_id) IN ((?,?),(?,?),(?,?)) FOR UPDATE
----
UPDATE stock SET s_quantity = ?, s_ytd = s_ytd + ?, s_order_cnt = s_order_cnt + 1, s_remote_cnt = s_remote_cnt + ? WHERE s_i_id = ? AND s_w_id = ?
----
INSERT INTO order_line (ol_o_id, ol_d_id, ol_w_id, ol_number, ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_dist_info)
     VALUES (3001,4,1,2,77,1,5,118,'kLbGzbLnQdTWvDfZyxwnNVzk')
----
UPDATE warehouse SET w_ytd = w_ytd + ? WHERE w_id = ?
----
SELECT w_street_1, w_street_2, w_city, w_state, w_zip, w_name FROM warehouse WHERE w_id = ?
----
UPDATE district SET d_ytd = d_ytd + ? WHERE d_w_id = ? AND d_id = ?
----
SELECT d_street_1, d_street_2, d_city, d_state, d_zip, d_name FROM district WHERE d_w_id = ? AND d_id = ?
----
SELECT count(c_id) AS namecnt FROM customer WHERE c_w_id = 1 AND c_d_id = 4 AND c_last = 'OUGHTPRIESE'
----
SELECT c_id FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_last = ? ORDER BY c_first
----
SELECT c_first, c_middle, c_last, c_street_1, c_street_2, c_city, c_state, c_zip, c_phone, c_credit, c_credit_lim, c_discount, c_balance, c_since
  FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_id = ? FOR UPDATE
----
UPDATE customer SET c_balance=-137.5, c_ytd_payment=147.5, c_data='|   17  4    1  4    1 $ 137.50   1490000000 xyz' WHERE c_w_id = 1 AND c_d_id = 4 AND c_id = 17
----
INSERT INTO history (h_c_d_id, h_c_w_id, h_c_id, h_d_id, h_w_id, h_date, h_amount, h_data) VALUES (?, ?, ?, ?, ?, NOW(), ?, ?)
----
SELECT o_id, o_entry_d, COALESCE(o_carrier_id,0) FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_c_id = ? AND o_id = (SELECT MAX(o_id) FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_c_id = ?)
----
SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d FROM order_line WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?
----
SELECT no_o_id FROM new_order WHERE no_d_id = ? AND no_w_id = ? ORDER BY no_o_id ASC LIMIT 1 FOR UPDATE
----
DELETE FROM new_order WHERE (no_w_id, no_d_id, no_o_id) IN ((?,?,?),(?,?,?))
----
UPDATE orders SET o_carrier_id = ? WHERE (o_w_id, o_d_id, o_id) IN ((?,?,?),(?,?,?))
----
UPDATE order_line SET ol_delivery_d = NOW() WHERE ol_o_id = ? AND ol_d_id = ? AND ol_w_id = ?
----
SELECT SUM(ol_amount) sm FROM order_line WHERE ol_o_id = ? AND ol_d_id = ? AND ol_w_id = ?
----
UPDATE customer SET c_balance = c_balance + ?, c_delivery_cnt = c_delivery_cnt + 1 WHERE c_id = ? AND c_d_id = ? AND c_w_id = ?
----
SELECT /*+ TIDB_INLJ(order_line, stock) */ COUNT(DISTINCT s_i_id) stock_count FROM order_line, stock
 WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id < ? AND ol_o_id >= ? - 20 AND s_w_id = ? AND s_i_id = ol_i_id AND s_quantity < ?
----
ROLLBACK
