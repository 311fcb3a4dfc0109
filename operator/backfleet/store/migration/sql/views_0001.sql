-- Results that meet their criteria, best Sharpe ratio first; a strategy that nobody catalogued is listed too.
CREATE VIEW strategy_leaderboard AS
SELECT
    rank() OVER (ORDER BY r.sharpe_ratio DESC NULLS LAST) AS rank,
    b.strategy_name,
    s.category,
    s.asset_class,
    j.parameters,
    r.sharpe_ratio,
    r.net_profit AS total_return,
    r.annual_return,
    r.drawdown AS max_drawdown,
    r.total_trades,
    r.win_rate,
    r.average_win AS avg_win,
    r.average_loss AS avg_loss,
    r.total_fees,
    b.uid AS batch_uid,
    b.name AS batch_name,
    r.backtest_id,
    r.recorded_at AS created_at
FROM backtest_results r
JOIN backtest_jobs j ON j.id = r.backtest_id
JOIN optimization_batches b ON b.uid = r.batch_uid
LEFT JOIN strategies s ON s.name = b.strategy_name
WHERE r.passed;

-- How each value of each parameter did, over all results; absent metrics are left out of the means, never counted as 0.
CREATE VIEW parameter_performance AS
SELECT
    b.strategy_name,
    p.key AS parameter_name,
    p.value AS parameter_value,
    avg(r.sharpe_ratio) AS avg_sharpe,
    avg(r.net_profit) AS avg_return,
    avg(r.drawdown) AS avg_drawdown,
    avg(r.win_rate) AS avg_win_rate,
    count(*) AS test_count,
    count(*) FILTER (WHERE r.passed) AS passed_count
FROM backtest_results r
JOIN backtest_jobs j ON j.id = r.backtest_id
JOIN optimization_batches b ON b.uid = r.batch_uid
CROSS JOIN LATERAL jsonb_each_text(j.parameters) AS p(key, value)
GROUP BY b.strategy_name, p.key, p.value;

-- Fees against the capital that each batch really started with, as a fraction.
CREATE VIEW fee_analysis AS
SELECT
    b.strategy_name,
    avg(r.total_fees) AS avg_fees,
    avg(r.total_fees / nullif(b.initial_cash, 0)::double precision) AS avg_fee_share_of_capital,
    avg(r.total_trades) AS avg_trades,
    avg(r.total_fees / nullif(r.total_trades, 0)) AS avg_fee_per_trade,
    avg(r.fee_share) AS avg_fee_share_of_gross_profit,
    count(*) AS backtest_count
FROM backtest_results r
JOIN optimization_batches b ON b.uid = r.batch_uid
GROUP BY b.strategy_name;

-- One row per day (UTC) on which a backtest ended.
CREATE VIEW daily_summary AS
SELECT
    (j.finished_at AT TIME ZONE 'UTC')::date AS date,
    count(*) AS total_backtests,
    count(*) FILTER (WHERE j.state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE j.state = 'failed') AS failed,
    count(*) FILTER (WHERE r.passed) AS passed,
    max(r.sharpe_ratio) AS best_sharpe,
    avg(r.sharpe_ratio) AS avg_sharpe,
    count(DISTINCT b.strategy_name) AS strategies_tested
FROM backtest_jobs j
JOIN optimization_batches b ON b.uid = j.batch_uid
LEFT JOIN backtest_results r ON r.backtest_id = j.id
WHERE j.finished_at IS NOT NULL AND j.state IN ('succeeded', 'failed')
GROUP BY 1;
